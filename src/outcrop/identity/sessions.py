"""Temporary credentials that nobody keeps: everything about a session is sealed into its token.

The token opens only together with its own access key id, so neither can be used with another's; it survives
restarts, and what it refers to (role, user, managed policies) is looked up anew at every use.
"""

import base64
import binascii
import json
import secrets
import string
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from outcrop.core.errors import OutcropError, SealBroken
from outcrop.storage.service_keys import ServiceKeys

SessionKind = Literal["role", "user", "root", "federated"]

_SECRET_ALPHABET = string.ascii_letters + string.digits + "+/"
_SERVICE = "sts"
# What policies and tags of a session may take after compression, so that its token fits into a header.
PACKED_LIMIT_BYTES = 4096


class TokenInvalid(OutcropError):
    """A session token that was not made here, or not for this access key."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a temporary key stands for.

    Attributes:
        holder_id: unique id of the role or user; "" for the account's root.
        name: of a role session or federated user; "" for others.
        policy: inline session policy, or "".
        policy_arns: managed session policies.
        transitive_tag_keys: tags that the next role in a chain gets too.
    """

    kind: SessionKind
    holder_id: str
    issued_us: int
    expires_us: int
    name: str = ""
    policy: str = ""
    policy_arns: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tag_keys: tuple[str, ...] = ()
    source_identity: str = ""

    @property
    def issued_at(self) -> datetime:
        """When it began."""
        return datetime.fromtimestamp(self.issued_us / 1_000_000, UTC)

    @property
    def expires_at(self) -> datetime:
        """When it ends."""
        return datetime.fromtimestamp(self.expires_us / 1_000_000, UTC)

    @property
    def packed_bytes(self) -> int:
        """What its policies and tags take after compression."""
        packed = [self.policy, self.policy_arns, dict(self.tags)]
        return len(zlib.compress(json.dumps(packed).encode()))


@dataclass(frozen=True, slots=True)
class TemporaryKey:
    """The three parts of temporary credentials."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)


def new_unique_id(prefix: str) -> str:
    """Return a fresh id such as "AROA…": the prefix and 16 characters."""
    return prefix + base64.b32encode(secrets.token_bytes(10)).decode()


def new_access_key_id(prefix: str, account_id: str) -> str:
    """Return a fresh access key id, which carries its account as AWS's do.

    Args:
        prefix: "AKIA" or "ASIA".
        account_id: twelve digits; stands in bits 7 to 46 of the first six bytes, under a bit that is set.
    """
    start = (1 << 47) | (int(account_id) << 7) | secrets.randbits(7)
    return prefix + base64.b32encode(start.to_bytes(6) + secrets.token_bytes(4)).decode()


def account_of_key(access_key_id: str) -> str:
    """Return the account that an access key id carries, whoever made the key; "" for what is none."""
    prefix, code = access_key_id[:4], access_key_id[4:]
    if prefix not in {"AKIA", "ASIA"} or len(code) != 16:
        return ""
    try:
        start = int.from_bytes(base64.b32decode(code)[:6])
    except binascii.Error:
        return ""
    return f"{(start & ((1 << 47) - 1)) >> 7:012d}"


def new_secret_key() -> str:
    """Return a fresh secret access key of 40 characters."""
    return "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(40))


class SessionTokens:
    """Makes and opens session tokens.

    Args:
        service_keys: seal them.
        account_id: whose keys are made.
    """

    def __init__(self, service_keys: ServiceKeys, account_id: str) -> None:
        self._keys = service_keys
        self._account_id = account_id

    def issue(self, session: Session) -> TemporaryKey:
        """Return fresh credentials for a session."""
        key_id, secret = new_access_key_id("ASIA", self._account_id), new_secret_key()
        content = zlib.compress(json.dumps({**asdict(session), "secret": secret}).encode())
        token = base64.b64encode(self._keys.seal(_SERVICE, content, _context(key_id)))
        return TemporaryKey(key_id, secret, token.decode())

    def open(self, access_key_id: str, token: str) -> tuple[Session, str]:
        """Return the session of a token and the secret of its key; whether it has ended is not looked at.

        Raises:
            TokenInvalid: the token was not made here, was changed, or belongs to another key.
        """
        try:
            sealed = base64.b64decode(token, validate=True)
            content = zlib.decompress(self._keys.open(_SERVICE, sealed, _context(access_key_id)))
        except (binascii.Error, ValueError, SealBroken, zlib.error):
            raise TokenInvalid("the session token is not one of this access key") from None
        values: dict[str, Any] = json.loads(content)
        secret = str(values.pop("secret"))
        for name in ("policy_arns", "transitive_tag_keys"):
            values[name] = tuple(values[name])
        return Session(**values), secret


def _context(access_key_id: str) -> bytes:
    return f"session {access_key_id}".encode("utf-8", "surrogatepass")
