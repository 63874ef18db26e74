"""Encoded authorization messages: why a call was denied, readable only by who may call DecodeAuthorizationMessage."""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from outcrop.core.errors import SealBroken
from outcrop.storage.service_keys import ServiceKeys

_SERVICE = "sts"
_CONTEXT = b"authorization message"


def encode_authorization_message(details: Mapping[str, Any], service_keys: ServiceKeys) -> str:
    """Return a text for an error message that says nothing to its reader.

    Args:
        details: of the decision, as AWS gives them: "allowed", "explicitDeny", "matchedStatements", "failures",
            "context" with "principal", "action", "resource" and "conditions".
        service_keys: seal it.
    """
    content = zlib.compress(json.dumps(details).encode())
    return base64.urlsafe_b64encode(service_keys.seal(_SERVICE, content, _CONTEXT)).decode()


def decode_authorization_message(message: str, service_keys: ServiceKeys) -> str | None:
    """Return the details in an encoded message as JSON, or None where it was not made here."""
    try:
        sealed = base64.b64decode(message, altchars=b"-_", validate=True)
        return zlib.decompress(service_keys.open(_SERVICE, sealed, _CONTEXT)).decode()
    except (binascii.Error, ValueError, SealBroken, zlib.error):
        return None
