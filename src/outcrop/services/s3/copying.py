"""Copies: of whole objects, which share their bytes, and of ranges into parts of uploads."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.conditions import check_copy_source, write_condition
from outcrop.services.s3.errors import InvalidArgument, InvalidRequest, NoSuchVersion, in_s3_words
from outcrop.services.s3.multipart import part_number
from outcrop.services.s3.object_headers import attributes_of, checksum_members
from outcrop.services.s3.ranges import copied_range
from outcrop.services.s3.refusals import refuse_unbuilt
from outcrop.storage.objects.records import Attributes, StoredChecksum, StoredObject

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        CopyObjectRequestTypeDef,
        UploadPartCopyRequestTypeDef,
    )


@operation("s3:CopyObject")
async def copy_object(request: "CopyObjectRequestTypeDef", context: Context) -> dict[str, Any]:
    """Make a copy of an object, with its metadata or with the request's.

    The entity tag stays the source's, also for objects uploaded in parts.

    Raises:
        NoSuchBucket, NoSuchKey: no such source or target bucket.
        PreconditionFailed: source or target is not as required.
        InvalidRequest: a copy onto itself that changes nothing.
    """
    refuse_unbuilt(request, context)
    source = _source(request, context)
    bucket, key = request["Bucket"], request["Key"]
    replaces = request.get("MetadataDirective", "COPY") == "REPLACE"
    storage_class = request.get("StorageClass", "STANDARD")
    if (source.bucket, source.key) == (bucket, key) and not replaces:
        changes = ("StorageClass", "WebsiteRedirectLocation", "ChecksumAlgorithm")
        if not any(name in request for name in changes):
            raise InvalidRequest(
                "This copy request is illegal because it is trying to copy an object to itself "
                "without changing the object's metadata, storage class, website redirect location "
                "or encryption attributes."
            )
    if replaces:
        attributes = attributes_of(request)
    else:
        attributes = Attributes(source.headers, source.metadata, storage_class)
    stored = await _copy(request, context, source, attributes)
    return {
        "CopyObjectResult": {
            "ETag": f'"{stored.etag}"',
            "LastModified": stored.last_modified_second,
            **checksum_members(stored.checksum),
        }
    }


@operation("s3:UploadPartCopy")
async def upload_part_copy(
    request: "UploadPartCopyRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Store a part of an upload whose content is that of an object, or a range of it.

    Raises:
        NoSuchUpload: no such upload for this bucket and key.
        NoSuchBucket, NoSuchKey: no such source.
        InvalidRange: the range lies outside the source.
    """
    refuse_unbuilt(request, context)
    number = part_number(request)
    store, upload_id = context.platform.objects, request["UploadId"]
    with in_s3_words(upload_id=upload_id):
        upload = store.uploads.get(request["Bucket"], request["Key"], upload_id)
    source = _source(request, context)
    offset, length = 0, source.size_bytes
    if "CopySourceRange" in request:
        offset, length = copied_range(request["CopySourceRange"], source.size_bytes)
    algorithms = [upload.checksum_algorithm] if upload.checksum_algorithm else []
    with in_s3_words(source.bucket, source.key, upload_id), store.incoming(algorithms) as content:
        await content.read_from(store.open(source, offset, length))
        part = await store.uploads.put_part(upload, number, content)
    result: dict[str, Any] = {
        "ETag": f'"{part.etag}"',
        "LastModified": part.last_modified_second,
    }
    if part.checksum_value is not None:
        result[f"Checksum{upload.checksum_algorithm}"] = part.checksum_value
    return {"CopyPartResult": result}


async def _copy(
    request: Mapping[str, Any], context: Context, source: StoredObject, attributes: Attributes
) -> StoredObject:
    store, bucket, key = context.platform.objects, request["Bucket"], request["Key"]
    condition = write_condition(request)
    algorithm = request.get("ChecksumAlgorithm")
    if algorithm in {None, source.checksum_algorithm}:
        with in_s3_words(bucket, key):
            return await store.copy(source, bucket, key, attributes=attributes, condition=condition)
    # Another checksum is asked for, so the bytes have to be read after all.
    with in_s3_words(bucket, key), store.incoming([algorithm]) as content:
        await content.read_from(store.open(source, 0, source.size_bytes))
        checksum = StoredChecksum(algorithm, content.checksum(algorithm), "FULL_OBJECT")
        return await store.put(
            bucket, key, content, attributes=attributes, checksum=checksum, condition=condition
        )


def _source(request: Mapping[str, Any], context: Context) -> StoredObject:
    """Return the object that is to be copied.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion: there is none.
        InvalidArgument: the source is not bucket/key.
        PreconditionFailed: it is not as required.
    """
    given = request["CopySource"]
    if isinstance(given, Mapping):  # boto3's other form, in calls of this process
        bucket, key, version = given["Bucket"], given["Key"], given.get("VersionId", "null")
    else:
        path, _, query = given.partition("?versionId=")
        bucket, _, key = unquote(path).removeprefix("/").partition("/")
        version = query or "null"
    if not bucket or not key:
        raise InvalidArgument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ArgumentName="x-amz-copy-source",
            ArgumentValue=given,
        )
    if version != "null":
        raise NoSuchVersion(VersionId=version)
    with in_s3_words(bucket, key):
        source = context.platform.objects.get(bucket, key)
    check_copy_source(source, request)
    return source
