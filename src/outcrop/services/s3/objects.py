"""Objects: put, get, head, delete, and what is known of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.conditions import check_read, write_condition
from outcrop.services.s3.errors import (
    InvalidPartNumber,
    InvalidRequest,
    MalformedXML,
    NoSuchVersion,
    S3Error,
    in_s3_words,
)
from outcrop.services.s3.object_headers import (
    attributes_of,
    checksum_members,
    describe,
    override,
)
from outcrop.services.s3.ranges import content_range, requested_range
from outcrop.services.s3.refusals import check_key, refuse_unbuilt
from outcrop.services.s3.uploaded_content import check_document, read_claim, received_content
from outcrop.storage.objects.checksums import DEFAULT_ALGORITHM
from outcrop.storage.objects.errors import ObjectMissing
from outcrop.storage.objects.records import Segment, StoredChecksum, StoredObject

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteObjectRequestTypeDef,
        DeleteObjectsRequestTypeDef,
        GetObjectAttributesRequestTypeDef,
        GetObjectRequestTypeDef,
        HeadObjectRequestTypeDef,
        PutObjectRequestTypeDef,
    )

_SMALL_BYTES = 64 * 1024  # read at once, where it takes less time than handing it to a thread
_SIMPLE_READ = frozenset({"Bucket", "Key", "ChecksumMode"})
_MOST_DELETED = 1000
_ATTEMPTS = 5


@operation("s3:PutObject")
async def put_object(request: "PutObjectRequestTypeDef", context: Context) -> dict[str, Any]:
    """Store an object, durably when this returns.

    Raises:
        NoSuchBucket: no such bucket.
        PreconditionFailed: the object that it replaces is not as required.
        BadDigest: the content is not what the client summed.
        InsufficientStorage: the disk is full.
    """
    refuse_unbuilt(request, context)
    attributes = attributes_of(request)
    condition = write_condition(request)
    claim = read_claim(request, context)
    bucket, key = request["Bucket"], request["Key"]
    store = context.platform.objects
    algorithm = claim.algorithm or DEFAULT_ALGORITHM
    with in_s3_words(bucket, key):
        store.buckets.get(bucket)  # before the body is read, and again with the commit
        async with received_content(request, context, claim, [algorithm]) as content:
            checksum = StoredChecksum(algorithm, content.checksum(algorithm), "FULL_OBJECT")
            stored = await store.put(
                bucket,
                key,
                content,
                attributes=attributes,
                checksum=checksum,
                condition=condition,
            )
    return {"ETag": f'"{stored.etag}"', **checksum_members(checksum)}


@operation("s3:GetObject")
def get_object(request: "GetObjectRequestTypeDef", context: Context) -> dict[str, Any]:
    """Return an object or a range of it.

    Raises:
        NoSuchBucket: no such bucket.
        NoSuchKey: no such object.
        PreconditionFailed, NotModified: a condition does not hold.
        InvalidRange: the range lies outside the object.
    """
    bucket, key = request["Bucket"], request["Key"]
    store = context.platform.objects
    if request.keys() <= _SIMPLE_READ:
        with in_s3_words(bucket, key):
            stored, content = store.read_small(bucket, key, _SMALL_BYTES)
        if content is not None:
            result = describe(stored, request)
            result["Body"] = content
            return result
    refuse_unbuilt(request, context)
    with in_s3_words(bucket, key):
        for _ in range(_ATTEMPTS):
            stored = store.get(bucket, key)
            result, offset, length = _select(stored, request, context)
            try:
                result["Body"] = store.open(stored, offset, length)
            except ObjectMissing:
                continue  # replaced since its row was read: select from its successor
            return result
        raise ObjectMissing(key)


@operation("s3:HeadObject")
def head_object(request: "HeadObjectRequestTypeDef", context: Context) -> dict[str, Any]:
    """Return what GetObject would, without the content.

    Raises:
        NoSuchBucket: no such bucket.
        NoSuchKey: no such object.
        PreconditionFailed, NotModified: a condition does not hold.
        InvalidRange: the range lies outside the object.
    """
    refuse_unbuilt(request, context)
    bucket, key = request["Bucket"], request["Key"]
    with in_s3_words(bucket, key):
        stored = context.platform.objects.get(bucket, key)
    result, _, _ = _select(stored, request, context)
    return result


@operation("s3:DeleteObject")
def delete_object(request: "DeleteObjectRequestTypeDef", context: Context) -> dict[str, Any]:
    """Delete an object; it is no error if there is none.

    Raises:
        NoSuchBucket: no such bucket.
        PreconditionFailed: the object is not as required.
    """
    refuse_unbuilt(request, context)
    bucket, key = request["Bucket"], request["Key"]
    with in_s3_words(bucket, key):
        context.platform.objects.delete(bucket, [key], write_condition(request))
    return {}


@operation("s3:DeleteObjects")
def delete_objects(request: "DeleteObjectsRequestTypeDef", context: Context) -> dict[str, Any]:
    """Delete up to 1,000 objects, in one transaction except those with conditions.

    Raises:
        NoSuchBucket: no such bucket.
        MalformedXML: no objects, or too many.
        BadDigest: the list does not sum up to what its headers say.
    """
    refuse_unbuilt(request, context)
    check_document(request, context)
    bucket, wanted = request["Bucket"], request["Delete"].get("Objects", [])
    if not 1 <= len(wanted) <= _MOST_DELETED:
        raise MalformedXML
    store = context.platform.objects
    with in_s3_words(bucket):
        store.buckets.get(bucket)
        deleted: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        plain: list[str] = []
        for item in wanted:
            key = item["Key"]
            try:
                _check_deleted_item(item)
                if "ETag" in item:
                    condition = write_condition({"IfMatch": item["ETag"]})
                    with in_s3_words(bucket, key):
                        store.delete(bucket, [key], condition)
                else:
                    plain.append(key)
            except S3Error as error:
                errors.append({"Key": key, "Code": error.code, "Message": error.message})
            else:
                deleted.append({"Key": key})
        if plain:
            store.delete(bucket, plain)
    return {"Deleted": [] if request["Delete"].get("Quiet") else deleted, "Errors": errors}


def _check_deleted_item(item: Mapping[str, Any]) -> None:
    check_key(item["Key"])
    if item.get("VersionId", "null") != "null":
        raise NoSuchVersion(VersionId=item["VersionId"])


@operation("s3:GetObjectAttributes")
def get_object_attributes(
    request: "GetObjectAttributesRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Return the attributes asked for: entity tag, checksum, parts, storage class, size.

    Raises:
        NoSuchBucket: no such bucket.
        NoSuchKey: no such object.
    """
    refuse_unbuilt(request, context)
    bucket, key = request["Bucket"], request["Key"]
    store = context.platform.objects
    with in_s3_words(bucket, key):
        stored = store.get(bucket, key)
    wanted = set(request["ObjectAttributes"])
    result: dict[str, Any] = {"LastModified": stored.last_modified_second}
    if "ETag" in wanted:
        result["ETag"] = stored.etag
    if "Checksum" in wanted and stored.checksum is not None:
        result["Checksum"] = checksum_members(stored.checksum)
    if "StorageClass" in wanted:
        result["StorageClass"] = stored.storage_class
    if "ObjectSize" in wanted:
        result["ObjectSize"] = stored.size_bytes
    if "ObjectParts" in wanted and stored.parts_count:
        result["ObjectParts"] = _describe_parts(stored, store.segments(stored), request)
    return result


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
    result = describe(stored, request)
    override(result, request)
    if "PartNumber" in request:
        offset, length = _select_part(stored, request, context, result)
    else:
        found = requested_range(request.get("Range", ""), stored.size_bytes)
        if found is None:
            return result, 0, stored.size_bytes
        offset, length = found
        _drop_checksum(result)
    result["ContentLength"] = length
    if stored.size_bytes:
        result["ContentRange"] = content_range(offset, length, stored.size_bytes)
    return result, offset, length


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
        result["PartsCount"] = stored.parts_count
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
