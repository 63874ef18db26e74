"""Opaque pagination tokens: the state of a listing, sealed so that clients cannot make their own."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import ValidationException

_SEAL_BYTES = 16


def encode_token(state: Mapping[str, Any], key: bytes) -> str:
    """Return a token for the state of a listing.

    Args:
        state: what the next page needs, as JSON values.
        key: secret of this installation.
    """
    content = json.dumps(state, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(_seal(content, key) + content).decode("ascii").rstrip("=")


def decode_token(token: str, key: bytes) -> dict[str, Any]:
    """Return the state in a token.

    Raises:
        ValidationException: this installation did not make the token.
    """
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        sealed = b""
    seal, content = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
    if not content or not hmac.compare_digest(seal, _seal(content, key)):
        raise ValidationException(
            "The nextToken is not one that this service returned; start over without it."
        )
    state: dict[str, Any] = json.loads(content)
    return state


def _seal(content: bytes, key: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()[:_SEAL_BYTES]
