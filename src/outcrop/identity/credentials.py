"""The account's root key and Bedrock API key, made at first start and kept in one private file.

`CredentialStore` answers whose key a request was signed with: the root's, or one that the directory of identities knows.
"""

import base64
import json
import secrets
import string
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from hmac import compare_digest
from hmac import digest as hmac_digest
from pathlib import Path

from outcrop.aws.operation import Principal
from outcrop.core.errors import HomeError
from outcrop.crypto.private_files import read_private, write_private
from outcrop.identity.directory import Credential, Directory
from outcrop.identity.sessions import new_access_key_id

BEDROCK = "bedrock.amazonaws.com"
_SECRET_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class RootKey:
    """The account's own credentials; they may do everything.

    Attributes:
        account_id: twelve digits, fixed when the home is made.
        access_key_id: AKIA and 16 characters.
        secret_access_key: 40 characters; never shown by repr.
        bedrock_api_key: long-term bearer token for bedrock* services; never shown by repr.
    """

    account_id: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    bedrock_api_key: str = field(repr=False)

    @property
    def principal(self) -> Principal:
        """The account's root identity."""
        return Principal(
            type="Account",
            arn=f"arn:aws:iam::{self.account_id}:root",
            account_id=self.account_id,
            access_key_id=self.access_key_id,
            principal_id=self.account_id,
        )

    def derive(self, purpose: str) -> bytes:
        """Return 32 secret bytes for a purpose, the same at every start.

        Args:
            purpose: such as "pagination tokens"; each gives unrelated bytes.
        """
        return hmac_digest(self.secret_access_key.encode(), f"outcrop {purpose}".encode(), "sha256")


def load_or_make_root_key(path: Path, account_id: str) -> RootKey:
    """Return the root key kept at `path`, making it first where there is none.

    Args:
        path: the home's root-key.json, mode 0600.
        account_id: used only when the key is made.

    Raises:
        HomeError: the file is readable by others or malformed, or the account id is not twelve digits.
    """
    if path.exists():
        return _read(path)
    if len(account_id) != 12 or not (account_id.isascii() and account_id.isdigit()):
        raise HomeError(f"The account id must be twelve digits, not '{account_id}'.")
    key = RootKey(
        account_id=account_id,
        access_key_id=new_access_key_id("AKIA", account_id),
        secret_access_key=_random(_SECRET_ALPHABET, 40),
        bedrock_api_key=new_bedrock_api_key(new_bedrock_key_alias(account_id)),
    )
    write_private(path, (json.dumps(asdict(key), indent=2) + "\n").encode())
    return key


def _read(path: Path) -> RootKey:
    content = read_private(path)
    try:
        values = json.loads(content)
        return RootKey(**{name: str(values[name]) for name in RootKey.__dataclass_fields__})
    except (ValueError, KeyError, TypeError):
        # The content is a secret, so the message does not quote it.
        raise HomeError(f"{path} is not a root key; restore it from a backup.") from None


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def new_bedrock_key_alias(account_id: str) -> str:
    """Return a fresh name for a long-term Bedrock API key."""
    suffix = _random(string.ascii_lowercase + string.digits, 4)
    return f"BedrockAPIKey-{suffix}-at-{account_id}"


def new_bedrock_api_key(alias: str) -> str:
    """Return a fresh long-term Bedrock API key; it holds its name and 40 random characters."""
    return "ABSK" + base64.b64encode(f"{alias}:{_random(_SECRET_ALPHABET, 40)}".encode()).decode()


class CredentialStore:
    """Knows every key that may sign a request.

    Args:
        root_key: the account's own credentials.
        directory: knows the keys of users and sessions; None where there is only the root.
    """

    def __init__(self, root_key: RootKey, directory: Directory | None = None) -> None:
        self._root_key = root_key
        self._directory = directory
        self._root = Credential(
            root_key.access_key_id, root_key.secret_access_key, root_key.principal
        )

    def find(self, access_key_id: str, session_token: str = "") -> Credential | None:
        """Return the credential of an access key and the token that came with it.

        None where the key is unknown or switched off, or the token is not its own. Whether a temporary key has
        expired is the caller's to check.
        """
        if access_key_id == self._root_key.access_key_id:
            return None if session_token else self._root
        if self._directory is None:
            return None
        return self._directory.credential(access_key_id, session_token)

    def owner_of_api_key(self, api_key: str, now: datetime) -> Principal | None:
        """Return who a long-term Bedrock API key stands for, or None where it is unknown or over."""
        shown = api_key.encode("utf-8", "surrogatepass")
        if compare_digest(shown, self._root_key.bedrock_api_key.encode()):
            principal: Principal | None = self._root.principal
        elif self._directory is None:
            principal = None
        else:
            principal = self._directory.owner_of_service_credential(api_key, BEDROCK, now)
        return principal and replace(principal, bearer_token_type="LONG_TERM")  # noqa: S106  # a kind

    def note_use(self, principal: Principal, service: str, region: str, now: datetime) -> bool:
        """Remember that a key (and role) was used; return whether `store_uses` is due.

        The root's key is not tracked.
        """
        directory = self._directory
        return directory is not None and directory.uses.note(principal, service, region, now)

    def store_uses(self) -> None:
        """Write the uses noted since the last time to the database."""
        if self._directory is not None:
            self._directory.uses.store()
