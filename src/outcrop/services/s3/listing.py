"""Listings of a bucket's objects: version 2, version 1, and the one of all versions of objects."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import operation
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.platform import Context
from outcrop.services.s3.errors import InvalidArgument, in_s3_words
from outcrop.services.s3.owner import owner
from outcrop.services.s3.refusals import refuse_unbuilt
from outcrop.services.s3.versions import check_version_id
from outcrop.storage.objects.records import ListedObject, ListedVersion, Listing

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        ListObjectsRequestTypeDef,
        ListObjectsV2RequestTypeDef,
        ListObjectVersionsRequestTypeDef,
    )

MOST_KEYS = 1000


@operation("s3:ListObjectsV2")
def list_objects_v2(request: "ListObjectsV2RequestTypeDef", context: Context) -> dict[str, Any]:
    """Return a page of objects and common prefixes in the byte order of their keys.

    Raises:
        NoSuchBucket: no such bucket.
        InvalidArgument: a continuation token that this server did not give.
    """
    after = request.get("StartAfter", "")
    token = request.get("ContinuationToken")
    if token:
        after = _read_token(token, context)
    listing = _page(request, context, after)
    shows_owner = bool(request.get("FetchOwner"))
    result = _describe(listing, request, owner(context) if shows_owner else None)
    result["KeyCount"] = len(listing.entries) + len(listing.common_prefixes)
    if request.get("StartAfter"):
        result["StartAfter"] = encoded(request["StartAfter"], request)
    if token is not None:
        result["ContinuationToken"] = token
    if listing.next_marker is not None:
        state = {"after": listing.next_marker}
        result["NextContinuationToken"] = encode_token(state, context.platform.token_key)
    return result


@operation("s3:ListObjects")
def list_objects(request: "ListObjectsRequestTypeDef", context: Context) -> dict[str, Any]:
    """Return a page of objects and common prefixes in the byte order of their keys.

    Raises:
        NoSuchBucket: no such bucket.
    """
    listing = _page(request, context, request.get("Marker", ""))
    result = _describe(listing, request, owner(context))
    result["Marker"] = encoded(request.get("Marker", ""), request)
    if listing.next_marker is not None and request.get("Delimiter"):
        # Without a delimiter the last key is the marker, and S3 leaves it to the client to see that.
        result["NextMarker"] = encoded(listing.next_marker, request)
    return result


@operation("s3:ListObjectVersions")
def list_object_versions(
    request: "ListObjectVersionsRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Return a page of versions and delete markers by key, the newest of a key first.

    Raises:
        NoSuchBucket: no such bucket.
        InvalidArgument: a version to go on after without its key, or an id that no version has.
    """
    refuse_unbuilt(request, context)
    after, after_version = request.get("KeyMarker", ""), request.get("VersionIdMarker")
    if after_version is not None:
        if not after and after_version:
            raise InvalidArgument(
                "A version-id marker cannot be specified without a key marker.",
                ArgumentName="version-id-marker",
                ArgumentValue=after_version,
            )
        if after_version:
            check_version_id(after_version, "version-id-marker")
    with in_s3_words(request["Bucket"]):
        listing = context.platform.objects.page_of_versions(
            request["Bucket"],
            request.get("Prefix", ""),
            request.get("Delimiter", ""),
            after=after,
            after_version_id=after_version or "",
            limit=most_keys(request.get("MaxKeys", MOST_KEYS), "max-keys"),
        )
    result = _describe_page(listing, request)
    account = owner(context)
    result["Versions"] = [
        _describe_version(entry, request, account)
        for entry in listing.entries
        if not entry.is_marker
    ]
    result["DeleteMarkers"] = [
        _describe_marker(entry, request, account) for entry in listing.entries if entry.is_marker
    ]
    result["KeyMarker"] = encoded(after, request)
    result["VersionIdMarker"] = after_version or ""
    if listing.next_marker is not None:
        result["NextKeyMarker"] = encoded(listing.next_marker, request)
        if listing.entries and listing.entries[-1].key == listing.next_marker:
            result["NextVersionIdMarker"] = listing.entries[-1].version_id
    return result


def encoded(text: str, request: Mapping[str, Any]) -> str:
    """Return a key or a part of one as the client wants it: XML cannot carry every character."""
    return quote(text, safe="/") if request.get("EncodingType") == "url" else text


def most_keys(asked: object, name: str) -> int:
    """Return how many items a page may have: what is asked for, and at most 1,000.

    Raises:
        InvalidArgument: less than none is asked for.
    """
    count = int(str(asked))
    if count < 0:
        raise InvalidArgument(
            f"Argument {name} must be an integer between 0 and 2147483647",
            ArgumentName=name,
            ArgumentValue=count,
        )
    return min(count, MOST_KEYS)


def _page(request: Mapping[str, Any], context: Context, after: str) -> Listing[ListedObject]:
    refuse_unbuilt(request, context)
    with in_s3_words(request["Bucket"]):
        return context.platform.objects.page(
            request["Bucket"],
            prefix=request.get("Prefix", ""),
            delimiter=request.get("Delimiter", ""),
            after=after,
            limit=most_keys(request.get("MaxKeys", MOST_KEYS), "max-keys"),
        )


def _describe(
    listing: Listing[ListedObject], request: Mapping[str, Any], owned_by: dict[str, str] | None
) -> dict[str, Any]:
    result = _describe_page(listing, request)
    result["Contents"] = [_describe_entry(entry, request, owned_by) for entry in listing.entries]
    return result


def _describe_page(
    listing: Listing[ListedObject] | Listing[ListedVersion], request: Mapping[str, Any]
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "Name": request["Bucket"],
        "Prefix": encoded(request.get("Prefix", ""), request),
        "MaxKeys": most_keys(request.get("MaxKeys", MOST_KEYS), "max-keys"),
        "IsTruncated": listing.next_marker is not None,
        "CommonPrefixes": [
            {"Prefix": encoded(prefix, request)} for prefix in listing.common_prefixes
        ],
    }
    if request.get("Delimiter"):
        result["Delimiter"] = encoded(request["Delimiter"], request)
    if request.get("EncodingType"):
        result["EncodingType"] = request["EncodingType"]
    return result


def _describe_version(
    entry: ListedVersion, request: Mapping[str, Any], owned_by: dict[str, str]
) -> dict[str, Any]:
    return {
        **_describe_entry(entry, request, owned_by),
        "VersionId": entry.version_id,
        "IsLatest": entry.is_latest,
    }


def _describe_marker(
    entry: ListedVersion, request: Mapping[str, Any], owned_by: dict[str, str]
) -> dict[str, Any]:
    return {
        "Key": encoded(entry.key, request),
        "LastModified": entry.last_modified_second,
        "VersionId": entry.version_id,
        "IsLatest": entry.is_latest,
        "Owner": owned_by,
    }


def _describe_entry(
    entry: ListedObject | ListedVersion, request: Mapping[str, Any], owned_by: dict[str, str] | None
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "Key": encoded(entry.key, request),
        "LastModified": entry.last_modified_second,
        "ETag": f'"{entry.etag}"',
        "Size": entry.size_bytes,
        "StorageClass": entry.storage_class,
    }
    if entry.checksum_algorithm is not None:
        described["ChecksumAlgorithm"] = [entry.checksum_algorithm]
        described["ChecksumType"] = entry.checksum_type
    if owned_by is not None:
        described["Owner"] = owned_by
    return described


def _read_token(token: str, context: Context) -> str:
    try:
        return str(decode_token(token, context.platform.token_key)["after"])
    except (ValidationException, KeyError) as error:
        raise InvalidArgument(
            "The continuation token provided is incorrect", ArgumentName="continuation-token"
        ) from error
