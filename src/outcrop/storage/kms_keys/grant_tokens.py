"""Grant tokens: opaque to clients, to us the grant and its key with a seal.

Grants take effect at once here, so a token is never needed for that; it names the grant that is to be retired.
"""

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass
from uuid import UUID

_KEY_BYTES = 16
_GRANT_BYTES = 32
_SALT_BYTES = 8
_SEAL_BYTES = 16
_LENGTH = _KEY_BYTES + _GRANT_BYTES + _SALT_BYTES + _SEAL_BYTES


@dataclass(frozen=True, slots=True)
class GrantToken:
    """What a token says; whether it is genuine is another question (`is_genuine`)."""

    key_id: str
    grant_id: str


def make(key_id: str, grant_id: str, secret: bytes) -> str:
    """Return a new token of a grant; no two are the same."""
    content = UUID(key_id).bytes + bytes.fromhex(grant_id) + os.urandom(_SALT_BYTES)
    return base64.urlsafe_b64encode(content + _seal(content, secret)).decode("ascii")


def read(token: str) -> GrantToken | None:
    """Return what a token says, or None for a text of another form."""
    content = _decode(token)
    if content is None:
        return None
    grant = content[_KEY_BYTES : _KEY_BYTES + _GRANT_BYTES]
    return GrantToken(str(UUID(bytes=content[:_KEY_BYTES])), grant.hex())


def is_genuine(token: str, secret: bytes) -> bool:
    """Whether this installation gave the token out."""
    content = _decode(token)
    return content is not None and hmac.compare_digest(
        content[-_SEAL_BYTES:], _seal(content[:-_SEAL_BYTES], secret)
    )


def _decode(token: str) -> bytes | None:
    try:
        content = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if len(content) == _LENGTH else None


def _seal(content: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, b"grant token" + content, hashlib.sha256).digest()[:_SEAL_BYTES]
