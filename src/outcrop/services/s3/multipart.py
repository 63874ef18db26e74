"""Multipart uploads: create, upload part, list, complete, abort."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3 import encryption
from outcrop.services.s3.announcements import announce, created
from outcrop.services.s3.conditions import write_condition
from outcrop.services.s3.errors import (
    InvalidArgument,
    InvalidRequest,
    MalformedXML,
    in_s3_words,
)
from outcrop.services.s3.listing import encoded, most_keys
from outcrop.services.s3.object_headers import attributes_of, checksum_members
from outcrop.services.s3.owner import owner
from outcrop.services.s3.protection import protection_of
from outcrop.services.s3.refusals import refuse_unbuilt
from outcrop.services.s3.uploaded_content import algorithms_of, read_claim, received_content
from outcrop.services.s3.versions import version_members
from outcrop.storage.objects.checksums import ALGORITHMS, DEFAULT_ALGORITHM, can_be_combined
from outcrop.storage.objects.errors import UploadMissing
from outcrop.storage.objects.listing import common_prefix
from outcrop.storage.objects.records import ChecksumType, StoredChecksum, Upload
from outcrop.storage.objects.uploads import NamedPart

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        AbortMultipartUploadRequestTypeDef,
        CompleteMultipartUploadRequestTypeDef,
        CreateMultipartUploadRequestTypeDef,
        ListMultipartUploadsRequestTypeDef,
        ListPartsRequestTypeDef,
        UploadPartRequestTypeDef,
    )

MOST_PARTS = 10_000


@operation("s3:CreateMultipartUpload")
async def create_multipart_upload(
    request: "CreateMultipartUploadRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Begin a multipart upload.

    Raises:
        NoSuchBucket: no such bucket.
        InvalidRequest: the checksum algorithm cannot be of the type asked for.
        KMS.…, AccessDenied: KMS would not make a key for the object.
    """
    refuse_unbuilt(request, context)
    bucket, key = request["Bucket"], request["Key"]
    algorithm, kind = _checksum_kind(request)
    attributes = attributes_of(request)
    store = context.platform.objects
    with in_s3_words(bucket, key):
        wish = encryption.read_wish(request, store.buckets.get(bucket))
        protection = protection_of(request, context)
        seal = await encryption.new_seal(wish, bucket, key, context)
        upload = await store.in_thread(
            lambda: store.uploads.create(
                bucket, key, attributes, algorithm, kind, seal=seal, companion=protection.keep
            )
        )
    result: dict[str, Any] = {
        "Bucket": bucket,
        "Key": key,
        "UploadId": upload.upload_id,
        **encryption.members(upload, request),
    }
    if "ChecksumAlgorithm" in request:
        result |= {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    return result


@operation("s3:UploadPart")
async def upload_part(request: "UploadPartRequestTypeDef", context: Context) -> dict[str, Any]:
    """Store one part, durably when this returns.

    Raises:
        NoSuchUpload: no such upload for this bucket and key.
        InvalidArgument: a part number outside 1 to 10,000.
        BadDigest: the content is not what the client summed.
        InsufficientStorage: the disk is full.
        InvalidRequest: the upload takes a customer's key, which is missing or another.
        KMS.…, AccessDenied: KMS would not open the upload's key.
    """
    refuse_unbuilt(request, context)
    number = part_number(request)
    uploads = context.platform.objects.uploads
    with in_s3_words(upload_id=request["UploadId"]):
        upload = uploads.get(request["Bucket"], request["Key"], request["UploadId"])
        claim = read_claim(request, context)
        kept = upload.checksum_algorithm or DEFAULT_ALGORITHM
        if claim.algorithm not in {None, kept} and kept != DEFAULT_ALGORITHM:
            raise InvalidRequest(
                f"Checksum Type mismatch occurred, expected checksum Type: {kept.lower()}, "
                f"actual checksum Type: {str(claim.algorithm).lower()}"
            )
        data_key = await encryption.data_key_of_upload(upload, request, context)
        incoming = uploads.incoming(upload, algorithms_of(claim, kept), data_key)
        async with received_content(request, claim, incoming) as content:
            shown = claim.algorithm or kept
            checksum = content.checksum(shown)
            part = await uploads.put_part(upload, number, content)
    return {
        "ETag": f'"{part.etag}"',
        f"Checksum{shown}": checksum,
        **encryption.members(upload, request),
    }


@operation("s3:ListParts")
def list_parts(request: "ListPartsRequestTypeDef", context: Context) -> dict[str, Any]:
    """Return a page of the parts that were uploaded.

    Raises:
        NoSuchUpload: no such upload for this bucket and key.
    """
    refuse_unbuilt(request, context)
    upload = _upload(request, context)
    marker = int(request.get("PartNumberMarker", 0))
    most = most_keys(request.get("MaxParts", 1000), "max-parts")
    found = context.platform.objects.uploads.parts(upload, marker, most + 1)
    shown = found[:most]
    parts = []
    for part in shown:
        described: dict[str, Any] = {
            "PartNumber": part.number,
            "LastModified": part.last_modified_second,
            "ETag": f'"{part.etag}"',
            "Size": part.size_bytes,
        }
        if part.checksum_value is not None:
            described[f"Checksum{upload.checksum_algorithm}"] = part.checksum_value
        parts.append(described)
    return {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.upload_id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": most,
        "IsTruncated": len(found) > most,
        "Parts": parts,
        "StorageClass": upload.storage_class,
        "Owner": owner(context),
        "Initiator": owner(context),
        "ChecksumAlgorithm": upload.checksum_algorithm,
        "ChecksumType": upload.checksum_type,
    }


@operation("s3:ListMultipartUploads")
def list_multipart_uploads(
    request: "ListMultipartUploadsRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Return a page of the uploads under way, by key and id.

    Raises:
        NoSuchBucket: no such bucket.
    """
    refuse_unbuilt(request, context)
    bucket, prefix = request["Bucket"], request.get("Prefix", "")
    delimiter = request.get("Delimiter", "")
    key_marker, id_marker = request.get("KeyMarker", ""), request.get("UploadIdMarker", "")
    most = most_keys(request.get("MaxUploads", 1000), "max-uploads")
    with in_s3_words(bucket):
        context.platform.objects.buckets.get(bucket)
    # Without an id marker the page begins at the next key: no id is above this one.
    found = context.platform.objects.uploads.page(
        bucket, prefix, key_marker, id_marker or "\U0010ffff", most + 1
    )
    shown, prefixes = [], []
    for upload in found[:most]:
        rolled = common_prefix(upload.key, prefix, delimiter)
        if rolled is None:
            shown.append(upload)
        elif rolled not in prefixes:
            prefixes.append(rolled)
    last = found[:most][-1] if found[:most] else None
    result: dict[str, Any] = {
        "Bucket": bucket,
        "KeyMarker": encoded(key_marker, request),
        "UploadIdMarker": id_marker,
        "Prefix": encoded(prefix, request),
        "MaxUploads": most,
        "IsTruncated": len(found) > most,
        "Uploads": [_describe_upload(upload, request, context) for upload in shown],
        "CommonPrefixes": [{"Prefix": encoded(item, request)} for item in prefixes],
    }
    if delimiter:
        result["Delimiter"] = encoded(delimiter, request)
    if request.get("EncodingType"):
        result["EncodingType"] = request["EncodingType"]
    if len(found) > most and last is not None:
        result["NextKeyMarker"] = encoded(last.key, request)
        result["NextUploadIdMarker"] = last.upload_id
    return result


@operation("s3:CompleteMultipartUpload")
def complete_multipart_upload(
    request: "CompleteMultipartUploadRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Make the named parts one object, in one transaction.

    Raises:
        NoSuchUpload: no such upload for this bucket and key.
        InvalidPart, InvalidPartOrder, EntityTooSmall: the parts do not make an object.
        InvalidRequest: checksums are missing, or do not fit.
        PreconditionFailed: the object that it replaces is not as required.
    """
    refuse_unbuilt(request, context)
    bucket, key, upload_id = request["Bucket"], request["Key"], request["UploadId"]
    uploads = context.platform.objects.uploads
    with in_s3_words(bucket, key, upload_id):
        try:
            upload = uploads.get(bucket, key, upload_id)
            stored = uploads.complete(
                upload,
                _named_parts(request, upload),
                _whole_checksum(request, upload),
                write_condition(request),
                size_bytes=request.get("MpuObjectSize"),
            )
            announce(bucket, [created(stored, "CompleteMultipartUpload")], context)
        except UploadMissing:
            # The answer to the first request may have been lost on its way.
            completed = uploads.completed(bucket, key, upload_id)
            if completed is None:
                raise
            stored = completed
    return {
        "Location": f"{context.scheme}://{context.host}/{bucket}/{quote(key)}",
        "Bucket": bucket,
        "Key": key,
        "ETag": f'"{stored.etag}"',
        **checksum_members(stored.checksum),
        **encryption.members(stored, request),
        **version_members(stored),
    }


@operation("s3:AbortMultipartUpload")
def abort_multipart_upload(
    request: "AbortMultipartUploadRequestTypeDef", context: Context
) -> dict[str, Any]:
    """End an upload and remove its parts.

    Raises:
        NoSuchUpload: no such upload for this bucket and key.
    """
    refuse_unbuilt(request, context)
    context.platform.objects.uploads.abort(_upload(request, context))
    return {}


def part_number(request: Mapping[str, Any]) -> int:
    """Return the number of the part that a request uploads.

    Raises:
        InvalidArgument: it is not from 1 to 10,000.
    """
    number = int(request["PartNumber"])
    if not 1 <= number <= MOST_PARTS:
        raise InvalidArgument(
            f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=number,
        )
    return number


def _upload(request: Mapping[str, Any], context: Context) -> Upload:
    with in_s3_words(upload_id=request["UploadId"]):
        return context.platform.objects.uploads.get(
            request["Bucket"], request["Key"], request["UploadId"]
        )


def _checksum_kind(request: Mapping[str, Any]) -> tuple[str, ChecksumType]:
    algorithm = str(request.get("ChecksumAlgorithm", DEFAULT_ALGORITHM))
    default = "FULL_OBJECT" if algorithm == DEFAULT_ALGORITHM else "COMPOSITE"
    kind = cast("ChecksumType", request.get("ChecksumType", default))
    combines, composes = can_be_combined(algorithm), algorithm != DEFAULT_ALGORITHM
    if algorithm not in ALGORITHMS or not (combines if kind == "FULL_OBJECT" else composes):
        raise InvalidRequest(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} "
            "checksum algorithm."
        )
    return algorithm, kind


def _named_parts(request: Mapping[str, Any], upload: Upload) -> list[NamedPart]:
    parts = request.get("MultipartUpload", {}).get("Parts", [])
    if not parts:
        raise MalformedXML
    name = f"Checksum{upload.checksum_algorithm}"
    named = []
    for part in parts:
        if "PartNumber" not in part or "ETag" not in part:
            raise MalformedXML
        if upload.checksum_type == "COMPOSITE" and name not in part:
            raise InvalidRequest(
                f"The upload was created using a {str(upload.checksum_algorithm).lower()} checksum. "
                "The complete request must include the checksum for each part. It was missing for "
                f"part {part['PartNumber']} in the request."
            )
        named.append(NamedPart(int(part["PartNumber"]), part["ETag"].strip('"'), part.get(name)))
    return named


def _whole_checksum(request: Mapping[str, Any], upload: Upload) -> StoredChecksum | None:
    algorithm, kind = upload.checksum_algorithm, upload.checksum_type
    if request.get("ChecksumType", kind) != kind:
        raise InvalidRequest(
            f"The upload was created using the {kind} checksum mode. The complete request must "
            "use the same checksum mode."
        )
    value = request.get(f"Checksum{algorithm}")
    if value is None or algorithm is None:
        return None
    if kind == "COMPOSITE" and "-" not in value:
        value += f"-{len(request['MultipartUpload']['Parts'])}"
    return StoredChecksum(algorithm, value, cast("ChecksumType", kind))


def _describe_upload(
    upload: Upload, request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    return {
        "UploadId": upload.upload_id,
        "Key": encoded(upload.key, request),
        "Initiated": upload.initiated.replace(microsecond=0),
        "StorageClass": upload.storage_class,
        "Owner": owner(context),
        "Initiator": owner(context),
        "ChecksumAlgorithm": upload.checksum_algorithm,
        "ChecksumType": upload.checksum_type,
    }
