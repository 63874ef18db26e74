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

KEY_ID_ALPHABET = string.ascii_uppercase + "234567"
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


def new_key_id(prefix: str) -> str:
    """Return a fresh id such as "ASIA…" or "AROA…": the prefix and 16 characters."""
    return prefix + "".join(secrets.choice(KEY_ID_ALPHABET) for _ in range(16))


def new_secret_key() -> str:
    """Return a fresh secret access key of 40 characters."""
    return "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(40))


class SessionTokens:
    """Makes and opens session tokens.

    Args:
        service_keys: seal them.
    """

    def __init__(self, service_keys: ServiceKeys) -> None:
        self._keys = service_keys

    def issue(self, session: Session) -> TemporaryKey:
        """Return fresh credentials for a session."""
        key_id, secret = new_key_id("ASIA"), new_secret_key()
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
