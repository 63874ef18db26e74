"""Copies: of whole objects and of ranges into parts of uploads; what is copied is sealed anew."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.identity.permissions.s3 import copy_source, object_arn
from outcrop.services.platform import Context
from outcrop.services.s3 import encryption
from outcrop.services.s3.announcements import announce_soon, created
from outcrop.services.s3.conditions import check_copy_source, write_condition
from outcrop.services.s3.errors import (
    InvalidArgument,
    InvalidRequest,
    MethodNotAllowed,
    in_s3_words,
)
from outcrop.services.s3.multipart import part_number
from outcrop.services.s3.object_headers import (
    attributes_of,
    checksum_members,
    storage_class_of,
)
from outcrop.services.s3.object_tagging import tags_of_upload
from outcrop.services.s3.protection import protection_of
from outcrop.services.s3.ranges import copied_range
from outcrop.services.s3.refusals import refuse_unbuilt
from outcrop.services.s3.versions import check_version_id, find_object, version_members
from outcrop.storage.objects.checksums import DEFAULT_ALGORITHM
from outcrop.storage.objects.records import Attributes, StoredChecksum, StoredObject

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        CopyObjectRequestTypeDef,
        UploadPartCopyRequestTypeDef,
    )

_MOST_BYTES = 5 << 30  # of one copy; larger ones are made of parts
_SOURCE = "x-amz-copy-source"
_REDIRECT = "x-amz-website-redirect-location"
# What a copy onto itself may change; without any of it, S3 takes it for a mistake.
_CHANGES = (
    "StorageClass",
    "WebsiteRedirectLocation",
    "ChecksumAlgorithm",
    "ServerSideEncryption",
    "SSECustomerAlgorithm",
)


@operation("s3:CopyObject")
async def copy_object(request: "CopyObjectRequestTypeDef", context: Context) -> dict[str, Any]:
    """Make a copy of an object or version, with its metadata and tags or with the request's.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion: no such source or target bucket.
        PreconditionFailed: source or target is not as required.
        InvalidRequest: a copy onto itself that changes nothing, or of more than 5 GiB.
        KMS.…, AccessDenied: KMS would not open the source's key, or make one for the copy.
    """
    refuse_unbuilt(request, context)
    bucket, key = request["Bucket"], request["Key"]
    for directive in ("MetadataDirective", "TaggingDirective"):
        if request.get(directive, "COPY") not in {"COPY", "REPLACE"}:
            raise InvalidArgument(
                f"Unknown {directive.removesuffix('Directive').lower()} directive.",
                ArgumentName=f"x-amz-{directive.removesuffix('Directive').lower()}-directive",
                ArgumentValue=request[directive],
            )
    source, names_version = _source(request, context)
    if source.size_bytes > _MOST_BYTES:
        raise InvalidRequest(
            "The specified copy source is larger than the maximum allowable size for a copy "
            f"source: {_MOST_BYTES}"
        )
    replaces = request.get("MetadataDirective", "COPY") == "REPLACE"
    onto_itself = (source.bucket, source.key) == (bucket, key) and not names_version
    if onto_itself and not replaces and not any(name in request for name in _CHANGES):
        raise InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself "
            "without changing the object's metadata, storage class, website redirect location "
            "or encryption attributes."
        )
    attributes = _attributes(request, context, source, names_version=names_version)
    condition = write_condition(request)
    algorithm = request.get("ChecksumAlgorithm") or source.checksum_algorithm or DEFAULT_ALGORITHM
    store = context.platform.objects
    with in_s3_words(bucket, key):
        wish = encryption.read_wish(request, store.buckets.get(bucket))
        protection = protection_of(request, context)
        data_key = await encryption.data_key_of(source, request, context, "CopySource")
        seal = await encryption.new_seal(wish, bucket, key, context)
        with (
            in_s3_words(source.bucket, source.key),
            store.incoming(seal, [algorithm]) as content,
        ):
            await content.read_from(store.open(source, 0, source.size_bytes, data_key))
            with in_s3_words(bucket, key):
                stored = await store.put(
                    bucket,
                    key,
                    content,
                    attributes=attributes,
                    checksum=StoredChecksum(algorithm, content.checksum(algorithm), "FULL_OBJECT"),
                    condition=condition,
                    companion=protection.keep,
                )
        await announce_soon(bucket, created(stored, "CopyObject"), context)
    result = {
        "CopyObjectResult": {
            "ETag": f'"{stored.etag}"',
            "LastModified": stored.last_modified_second,
            **checksum_members(stored.checksum),
        },
        **encryption.members(stored, request),
        **version_members(stored),
    }
    if source.versioning:
        result["CopySourceVersionId"] = source.version_id
    return result


@operation("s3:UploadPartCopy")
async def upload_part_copy(
    request: "UploadPartCopyRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Store a part of an upload whose content is that of an object, or a range of it.

    Raises:
        NoSuchUpload: no such upload for this bucket and key.
        NoSuchBucket, NoSuchKey, NoSuchVersion: no such source.
        InvalidRange: the range lies outside the source.
        KMS.…, AccessDenied: KMS would not open the source's key, or the upload's.
    """
    refuse_unbuilt(request, context)
    number = part_number(request)
    store, upload_id = context.platform.objects, request["UploadId"]
    with in_s3_words(upload_id=upload_id):
        upload = store.uploads.get(request["Bucket"], request["Key"], upload_id)
    source, _ = _source(request, context)
    offset, length = 0, source.size_bytes
    if "CopySourceRange" in request:
        offset, length = copied_range(request["CopySourceRange"], source.size_bytes)
    algorithms = [upload.checksum_algorithm] if upload.checksum_algorithm else []
    source_key = await encryption.data_key_of(source, request, context, "CopySource")
    upload_key = await encryption.data_key_of_upload(upload, request, context)
    with (
        in_s3_words(source.bucket, source.key, upload_id),
        store.uploads.incoming(upload, algorithms, upload_key) as content,
    ):
        await content.read_from(store.open(source, offset, length, source_key))
        part = await store.uploads.put_part(upload, number, content)
    result: dict[str, Any] = {
        "ETag": f'"{part.etag}"',
        "LastModified": part.last_modified_second,
    }
    if part.checksum_value is not None:
        result[f"Checksum{upload.checksum_algorithm}"] = part.checksum_value
    answer = {"CopyPartResult": result, **encryption.members(upload, request)}
    if source.versioning:
        answer["CopySourceVersionId"] = source.version_id
    return answer


def _attributes(
    request: Mapping[str, Any], context: Context, source: StoredObject, *, names_version: bool
) -> Attributes:
    """Return what is said of the copy: by the source or by the request, as its directives say.

    Raises:
        AccessDenied: tags are to be copied, and the caller may not read or write them.
    """
    if request.get("MetadataDirective", "COPY") == "REPLACE":
        said = attributes_of({**request, "Tagging": None})
    else:
        # The redirect is the one header that is not copied.
        headers = {name: value for name, value in source.headers.items() if name != _REDIRECT}
        if request.get("WebsiteRedirectLocation"):
            headers[_REDIRECT] = request["WebsiteRedirectLocation"]
        said = Attributes(headers, source.metadata, storage_class_of(request))
    if request.get("TaggingDirective", "COPY") == "REPLACE":
        tags = tags_of_upload(request)
    else:
        tags = source.tags
        if tags:
            action = "s3:GetObjectVersionTagging" if names_version else "s3:GetObjectTagging"
            context.require(action, object_arn(source.bucket, source.key))
            target = object_arn(request["Bucket"], request["Key"])
            context.require("s3:PutObjectTagging", target)
    return Attributes(said.headers, said.metadata, said.storage_class, tags)


def _source(request: Mapping[str, Any], context: Context) -> tuple[StoredObject, bool]:
    """Return the object that is to be copied, and whether a version of it was named.

    Raises:
        NoSuchBucket, NoSuchKey, NoSuchVersion: there is none.
        InvalidArgument: the source is not bucket/key.
        InvalidRequest: it is a delete marker.
        PreconditionFailed: it is not as required.
    """
    given = request["CopySource"]
    bucket, key, version = copy_source(given)  # read exactly as permissions read it
    if not bucket or not key:
        raise InvalidArgument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ArgumentName=_SOURCE,
            ArgumentValue=given,
        )
    named: dict[str, Any] = {"Bucket": bucket, "Key": key}
    if version is not None:
        check_version_id(version, _SOURCE)
        named["VersionId"] = version
    kept_headers = list(context.response_headers)
    try:
        source = find_object(named, context)
    except MethodNotAllowed as error:
        raise InvalidRequest(
            "The source of a copy request may not specifically refer to a delete marker by "
            "version id."
        ) from error
    finally:
        # What find_object says there is about the answer's object, and this one is only its source.
        context.response_headers[:] = kept_headers
    encryption.check_readable(source, request, "CopySource")
    check_copy_source(source, request)
    return source, version is not None
