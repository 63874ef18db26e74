"""What requests may ask for that is not built, refused aloud: an ignored wish for encryption is a lie."""

from collections.abc import Mapping
from typing import Any

from outcrop.services.platform import Context
from outcrop.services.s3.errors import (
    AccessControlListNotSupported,
    AccessDenied,
    KeyTooLong,
    NoSuchVersion,
    NotImplementedHere,
)

_MOST_KEY_BYTES = 1024
_NOT_BUILT = {
    "ServerSideEncryption": "server-side encryption",
    "SSEKMSKeyId": "server-side encryption",
    "SSECustomerAlgorithm": "server-side encryption with customer keys",
    "CopySourceSSECustomerAlgorithm": "server-side encryption with customer keys",
    "Tagging": "object tagging",
    "ObjectLockMode": "object lock",
    "ObjectLockLegalHoldStatus": "object lock",
    "ObjectLockRetainUntilDate": "object lock",
    "ObjectLockEnabledForBucket": "object lock",
    "WriteOffsetBytes": "appending to objects",
    "MFA": "MFA delete",
}
_GRANTS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")
# With access control lists off, these two say what is so anyway.
_HARMLESS_LISTS = {"private", "bucket-owner-full-control"}


def refuse_unbuilt(request: Mapping[str, Any], context: Context) -> None:
    """Check what every request on a bucket or object may say about owners, versions and protection.

    Raises:
        NotImplementedHere: it asks for what is not built.
        AccessControlListNotSupported: it gives access by a list.
        AccessDenied: the bucket is not the expected owner's.
        NoSuchVersion: it names a version.
        KeyTooLong: its key has more than 1,024 bytes.
    """
    for name, value in request.items():
        if name in _NOT_BUILT and value:
            raise NotImplementedHere(
                f"A header you provided implies functionality that is not implemented: "
                f"{_NOT_BUILT[name]}",
                Header=name,
            )
        if name in _GRANTS or (name == "ACL" and value not in _HARMLESS_LISTS):
            raise AccessControlListNotSupported
        if name.startswith("Expected") and value != context.account_id:
            raise AccessDenied
        if name == "VersionId" and value != "null":
            raise NoSuchVersion(VersionId=value)
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
