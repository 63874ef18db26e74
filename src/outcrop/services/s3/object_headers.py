"""What S3 keeps with an object and gives back: headers and metadata, as stored and as on the wire."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from outcrop.services.s3.encryption import members as encryption_members
from outcrop.services.s3.errors import InvalidStorageClass, MetadataTooLarge
from outcrop.services.s3.object_tagging import tags_of_upload
from outcrop.storage.objects.records import Attributes, StoredChecksum, StoredObject

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
_MOST_METADATA_BYTES = 2048
_STORAGE_CLASSES = {
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
}
_HEADERS = {
    "ContentType": "content-type",
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "Expires": "expires",
    "WebsiteRedirectLocation": "x-amz-website-redirect-location",
}
_MEMBERS = {header: member for member, header in _HEADERS.items()}
# Request member that replaces a header of one answer → the member it replaces.
_OVERRIDES = {
    "ResponseContentType": "ContentType",
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseExpires": "Expires",
}


def attributes_of(request: Mapping[str, Any]) -> Attributes:
    """Return what a request says about the object that it makes.

    Raises:
        MetadataTooLarge: metadata over 2,048 bytes.
        InvalidStorageClass: a storage class that does not exist, or that would need a restore to be read.
        InvalidArgument, InvalidTag: tags that break S3's rules.
    """
    headers = {}
    for member, header in _HEADERS.items():
        value = request.get(member)
        if isinstance(value, datetime):
            value = format_datetime(value.astimezone(UTC), usegmt=True)
        if member == "ContentEncoding" and value:
            value = _without_transfer_form(value)
        if value:
            headers[header] = str(value)
    headers.setdefault("content-type", DEFAULT_CONTENT_TYPE)
    metadata = {name.lower(): value for name, value in request.get("Metadata", {}).items()}
    size_bytes = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size_bytes > _MOST_METADATA_BYTES:
        raise MetadataTooLarge(Size=size_bytes, MaxSizeAllowed=_MOST_METADATA_BYTES)
    return Attributes(headers, metadata, storage_class_of(request), dict(tags_of_upload(request)))


def storage_class_of(request: Mapping[str, Any]) -> str:
    """Return the storage class that a request asks for.

    Raises:
        InvalidStorageClass: it does not exist, or would need a restore to be read.
    """
    storage_class: str = request.get("StorageClass", "STANDARD")
    if storage_class not in _STORAGE_CLASSES:
        raise InvalidStorageClass(StorageClassRequested=storage_class)
    return storage_class


def describe(stored: StoredObject, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members by which GetObject and HeadObject describe an object, content aside."""
    result: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "LastModified": stored.last_modified_second,
        "ContentLength": stored.size_bytes,
        "ETag": f'"{stored.etag}"',
        "Metadata": stored.metadata,
    }
    if stored.versioning:
        result["VersionId"] = stored.version_id
    if stored.sealing:
        result |= encryption_members(stored, request)
    for header, value in stored.headers.items():
        result[_MEMBERS[header]] = value
    if stored.tags_json:
        result["TagCount"] = len(stored.tags)
    if stored.parts_count and "PartNumber" in request:
        result["PartsCount"] = stored.parts_count
    if stored.storage_class != "STANDARD":
        result["StorageClass"] = stored.storage_class
    if request.get("ChecksumMode") == "ENABLED" and stored.checksum_value is not None:
        result |= checksum_members(stored.checksum)
    return result


def override(result: dict[str, Any], request: Mapping[str, Any]) -> None:
    """Replace headers of one answer by those that its request wants instead."""
    for wanted, member in _OVERRIDES.items():
        if wanted in request:
            result[member] = request[wanted]


def checksum_members(checksum: StoredChecksum | None) -> dict[str, str]:
    """Return the members that carry a checksum and its type."""
    if checksum is None:
        return {}
    return {f"Checksum{checksum.algorithm}": checksum.value, "ChecksumType": checksum.type}


def _without_transfer_form(encodings: str) -> str:
    if "aws-chunked" not in encodings:
        return encodings
    kept = [item.strip() for item in encodings.split(",") if item.strip() != "aws-chunked"]
    return ", ".join(kept)
