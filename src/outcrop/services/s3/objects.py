"""Objects: put, get, head, and what is known of them."""

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3 import encryption
from outcrop.services.s3.announcements import announce_soon, created
from outcrop.services.s3.code_bucket import get_code, is_code_bucket
from outcrop.services.s3.conditions import check_read, write_condition
from outcrop.services.s3.errors import (
    InvalidArgument,
    InvalidPartNumber,
    InvalidRequest,
    in_s3_words,
)
from outcrop.services.s3.object_headers import (
    attributes_of,
    checksum_members,
    describe,
    override,
)
from outcrop.services.s3.object_lock import lock_members
from outcrop.services.s3.protection import protection_of
from outcrop.services.s3.ranges import content_range, requested_range
from outcrop.services.s3.refusals import refuse_unbuilt
from outcrop.services.s3.uploaded_content import algorithms_of, read_claim, received_content
from outcrop.services.s3.versions import find_object, version_members
from outcrop.storage import object_locks
from outcrop.storage.objects.checksums import DEFAULT_ALGORITHM
from outcrop.storage.objects.errors import ObjectMissing
from outcrop.storage.objects.records import Segment, StoredChecksum, StoredObject

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        GetObjectAttributesRequestTypeDef,
        GetObjectRequestTypeDef,
        HeadObjectRequestTypeDef,
        PutObjectRequestTypeDef,
    )

_SMALL_BYTES = 64 * 1024  # read at once, where it takes less time than handing it to a thread
_SIMPLE_READ = frozenset({"Bucket", "Key", "ChecksumMode", "VersionId"})
_ATTEMPTS = 5


@operation("s3:PutObject")
async def put_object(request: "PutObjectRequestTypeDef", context: Context) -> dict[str, Any]:
    """Store an object, durably when this returns.

    Raises:
        NoSuchBucket: no such bucket.
        PreconditionFailed: the object that it replaces is not as required.
        BadDigest: the content is not what the client summed.
        InsufficientStorage: the disk is full.
        KMS.…, AccessDenied: KMS would not make a key for it.
    """
    refuse_unbuilt(request, context)
    attributes = attributes_of(request)
    condition = write_condition(request)
    claim = read_claim(request, context)
    bucket, key = request["Bucket"], request["Key"]
    store = context.platform.objects
    algorithm = claim.algorithm or DEFAULT_ALGORITHM
    with in_s3_words(bucket, key):
        # All that can be refused is refused before the body is read, and again with the commit.
        wish = encryption.read_wish(request, store.buckets.get(bucket))
        protection = protection_of(request, context)
        seal = await encryption.new_seal(wish, bucket, key, context)
        incoming = store.incoming(seal, algorithms_of(claim, algorithm))
        async with received_content(request, claim, incoming) as content:
            checksum = StoredChecksum(algorithm, content.checksum(algorithm), "FULL_OBJECT")
            stored = await store.put(
                bucket,
                key,
                content,
                attributes=attributes,
                checksum=checksum,
                condition=condition,
                companion=protection.keep,
            )
        await announce_soon(bucket, created(stored, "PutObject"), context)
    return {
        "ETag": f'"{stored.etag}"',
        **checksum_members(checksum),
        **encryption.members(stored, request),
        **version_members(stored),
    }


@operation("s3:GetObject")
def get_object(
    request: "GetObjectRequestTypeDef", context: Context
) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """Return an object or a range of it; where KMS has to be asked for its key, a coroutine that does.

    Raises:
        NoSuchBucket: no such bucket.
        NoSuchKey, NoSuchVersion, MethodNotAllowed: no such object.
        PreconditionFailed, NotModified: a condition does not hold.
        InvalidRange: the range lies outside the object.
        InvalidRequest, AccessDenied: it takes a customer's key, which is missing or another.
        KMS.…: KMS would not open its key.
    """
    encryption.refuse_wish_to_read(context)
    if is_code_bucket(request["Bucket"]):
        return get_code(request, context)
    stored = find_object(request, context)
    if request.keys() <= _SIMPLE_READ:
        content = context.platform.objects.read_small(stored)
        if content is not None:
            result = describe(stored, request)
            result |= _lock_of(stored, context)
            result["Body"] = content
            return result
    refuse_unbuilt(request, context)
    data_key = encryption.data_key_at_once(stored, request, context)
    if data_key is None:
        return _get_with_kms(stored, request, context)
    return _get(stored, data_key, request, context)


async def _get_with_kms(
    stored: StoredObject, request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    check_read(stored, request)  # what needs no answer needs no key either
    data_key = await encryption.data_key_from_kms(stored, context)
    for _ in range(_ATTEMPTS):
        try:
            return _get_once(stored, data_key, request, context)
        except ObjectMissing:
            stored = find_object(request, context)
            data_key = await encryption.data_key_of(stored, request, context)
    raise ObjectMissing(stored.key)


def _get(
    stored: StoredObject, data_key: bytes, request: Mapping[str, Any], context: Context
) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    for _ in range(_ATTEMPTS):
        try:
            return _get_once(stored, data_key, request, context)
        except ObjectMissing:
            # Replaced since its row was read: select from its successor.
            stored = find_object(request, context)
            found = encryption.data_key_at_once(stored, request, context)
            if found is None:
                return _get_with_kms(stored, request, context)
            data_key = found
    raise ObjectMissing(stored.key)


def _get_once(
    stored: StoredObject, data_key: bytes, request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    store = context.platform.objects
    result, offset, length = _select(stored, request, context)
    content = None
    if length <= _SMALL_BYTES:
        content = store.read_now(stored, offset, length, data_key)
    if content is None:
        result["Body"] = store.open(stored, offset, length, data_key)
    else:
        result["Body"] = content
    return result


@operation("s3:HeadObject")
def head_object(request: "HeadObjectRequestTypeDef", context: Context) -> dict[str, Any]:
    """Return what GetObject would, without the content.

    Raises:
        NoSuchBucket: no such bucket.
        NoSuchKey, NoSuchVersion, MethodNotAllowed: no such object.
        PreconditionFailed, NotModified: a condition does not hold.
        InvalidRange: the range lies outside the object.
        InvalidRequest, AccessDenied: it takes a customer's key, which is missing or another.
    """
    refuse_unbuilt(request, context)
    encryption.refuse_wish_to_read(context)
    stored = find_object(request, context)
    encryption.check_readable(stored, request)
    result, _, _ = _select(stored, request, context)
    return result


@operation("s3:GetObjectAttributes")
def get_object_attributes(
    request: "GetObjectAttributesRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Return the attributes asked for: entity tag, checksum, parts, storage class, size.

    Raises:
        NoSuchBucket: no such bucket.
        NoSuchKey, NoSuchVersion, MethodNotAllowed: no such object.
        InvalidArgument: an attribute that does not exist.
        InvalidRequest, AccessDenied: it takes a customer's key, which is missing or another.
    """
    refuse_unbuilt(request, context)
    wanted = set(request["ObjectAttributes"])
    if not wanted or wanted - _ATTRIBUTES:
        raise InvalidArgument(
            "Invalid attribute name specified.", ArgumentName="x-amz-object-attributes"
        )
    stored = find_object(request, context)
    encryption.check_readable(stored, request)
    result: dict[str, Any] = {
        "LastModified": stored.last_modified_second,
        **version_members(stored),
    }
    if "ETag" in wanted:
        result["ETag"] = stored.etag
    if "Checksum" in wanted and stored.checksum is not None:
        result["Checksum"] = checksum_members(stored.checksum)
    if "StorageClass" in wanted:
        result["StorageClass"] = stored.storage_class
    if "ObjectSize" in wanted:
        result["ObjectSize"] = stored.size_bytes
    if "ObjectParts" in wanted and stored.parts_count:
        segments = context.platform.objects.segments(stored)
        result["ObjectParts"] = _describe_parts(stored, segments, request)
    return result


_ATTRIBUTES = {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}


def _describe_parts(
    stored: StoredObject, segments: list[Segment], request: Mapping[str, Any]
) -> dict[str, Any]:
    marker, most = int(request.get("PartNumberMarker", 0)), int(request.get("MaxParts", 1000))
    shown = segments[marker : marker + most]
    parts = []
    for number, segment in enumerate(shown, start=marker + 1):
        part: dict[str, Any] = {"PartNumber": number, "Size": segment.size_bytes}
        if segment.checksum_value is not None:
            part[f"Checksum{stored.checksum_algorithm}"] = segment.checksum_value
        parts.append(part)
    return {
        "TotalPartsCount": len(segments),
        "PartNumberMarker": marker,
        "NextPartNumberMarker": marker + len(shown),
        "MaxParts": most,
        "IsTruncated": marker + len(shown) < len(segments),
        "Parts": parts,
    }


def _select(
    stored: StoredObject, request: Mapping[str, Any], context: Context
) -> tuple[dict[str, Any], int, int]:
    """Return the description of what is asked for, and its offset and length in bytes."""
    check_read(stored, request)
    if context.principal.type == "Anonymous" and any(
        name.startswith("Response") for name in request
    ):
        raise InvalidRequest(
            "Request specific response headers cannot be used for anonymous GET requests."
        )
    result = describe(stored, request)
    result |= _lock_of(stored, context)
    override(result, request)
    if "PartNumber" in request:
        offset, length = _select_part(stored, request, context, result)
    else:
        found = requested_range(request["Range"], stored.size_bytes) if "Range" in request else None
        if found is None:
            return result, 0, stored.size_bytes
        offset, length = found
        _drop_checksum(result)
    result["ContentLength"] = length
    if stored.size_bytes:
        result["ContentRange"] = content_range(offset, length, stored.size_bytes)
    return result, offset, length


def _lock_of(stored: StoredObject, context: Context) -> dict[str, Any]:
    platform = context.platform
    configuration = platform.bucket_configurations.find(stored.bucket)
    if configuration is None or configuration.document("object_lock") is None:
        return {}
    return lock_members(object_locks.of(platform.database.reader, stored.content_id))


def _select_part(
    stored: StoredObject, request: Mapping[str, Any], context: Context, result: dict[str, Any]
) -> tuple[int, int]:
    if "Range" in request:
        raise InvalidRequest("Cannot specify both Range header and partNumber query parameter")
    number = int(request["PartNumber"])
    segments = context.platform.objects.segments(stored)
    if not 1 <= number <= len(segments):
        raise InvalidPartNumber(
            PartNumberRequested=number, ActualPartCount=max(1, stored.parts_count)
        )
    segment = segments[number - 1]
    if stored.parts_count:
        summed = _drop_checksum(result)
        if summed and segment.checksum_value is not None:
            result[f"Checksum{stored.checksum_algorithm}"] = segment.checksum_value
    return segment.offset_bytes, segment.size_bytes


def _drop_checksum(result: dict[str, Any]) -> bool:
    """Take out the checksum of the whole object, which a part does not have; say if there was one."""
    names = [name for name in result if name.startswith("Checksum")]
    for name in names:
        del result[name]
    return bool(names)
