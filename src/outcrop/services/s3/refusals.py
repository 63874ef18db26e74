"""What requests may ask for that is not built, refused aloud: an ignored wish for protection is a lie."""

from collections.abc import Mapping
from typing import Any

from outcrop.services.platform import Context
from outcrop.services.s3.errors import AccessDenied, KeyTooLong, NotImplementedHere

_MOST_KEY_BYTES = 1024
_NOT_BUILT = {
    "WriteOffsetBytes": "appending to objects",
    "MFA": "MFA delete",
    "ObjectLockEventHold": "event holds",
    "ObjectLockEventHoldDurationDays": "event holds",
    "ObjectLockEventHoldDurationYears": "event holds",
    "AnnotationDirective": "annotations",
}


def refuse_unbuilt(request: Mapping[str, Any], context: Context) -> None:
    """Check what every request on a bucket or object may say about owners and things that are not built.

    Raises:
        NotImplementedHere: it asks for what is not built.
        AccessDenied: the bucket is not the expected owner's.
        KeyTooLong: its key has more than 1,024 bytes.
    """
    for name, value in request.items():
        if name in _NOT_BUILT and value:
            raise NotImplementedHere(
                f"A header you provided implies functionality that is not implemented: "
                f"{_NOT_BUILT[name]}",
                Header=name,
            )
        if name.startswith("Expected") and value != context.account_id:
            raise AccessDenied
        if name == "Key" and len(value) > _MOST_KEY_BYTES // 4:
            check_key(value)


def check_key(key: str) -> None:
    """Make sure that a key is short enough.

    Raises:
        KeyTooLong: it has more than 1,024 bytes.
    """
    size_bytes = len(key.encode())
    if size_bytes > _MOST_KEY_BYTES:
        raise KeyTooLong(Size=size_bytes, MaxSizeAllowed=_MOST_KEY_BYTES)
