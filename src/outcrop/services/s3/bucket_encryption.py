"""How a bucket encrypts the objects of which nobody says how."""

import json
from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.errors import (
    InvalidArgument,
    MalformedXML,
    NotImplementedHere,
    in_s3_words,
)
from outcrop.services.s3.refusals import refuse_unbuilt
from outcrop.services.s3.uploaded_content import check_document
from outcrop.storage.objects.seals import SSE_KMS, SSE_S3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteBucketEncryptionRequestTypeDef,
        GetBucketEncryptionRequestTypeDef,
        PutBucketEncryptionRequestTypeDef,
    )

# What AWS answers of a bucket on which nothing was configured: since 2023 every object is encrypted.
_UNCONFIGURED = {
    "Rules": [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": SSE_S3},
            "BucketKeyEnabled": False,
        }
    ]
}


@operation("s3:GetBucketEncryption")
def get_bucket_encryption(
    request: "GetBucketEncryptionRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Return a bucket's default encryption.

    Raises:
        NoSuchBucket: no such bucket.
    """
    refuse_unbuilt(request, context)
    with in_s3_words(request["Bucket"]):
        kept = context.platform.objects.buckets.get(request["Bucket"]).encryption_json
    return {"ServerSideEncryptionConfiguration": json.loads(kept) if kept else _UNCONFIGURED}


@operation("s3:PutBucketEncryption")
def put_bucket_encryption(
    request: "PutBucketEncryptionRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Set a bucket's default encryption; objects that are there stay as they are.

    Raises:
        NoSuchBucket: no such bucket.
        MalformedXML: not one rule.
        InvalidArgument: a KMS key for something other than aws:kms.
        NotImplementedHere: dual-layer encryption.
    """
    refuse_unbuilt(request, context)
    check_document(request, context)
    rules = request["ServerSideEncryptionConfiguration"].get("Rules", [])
    if len(rules) != 1:
        raise MalformedXML
    rule: dict[str, Any] = {**rules[0]}
    default = rule.setdefault("ApplyServerSideEncryptionByDefault", {"SSEAlgorithm": SSE_S3})
    algorithm = default.get("SSEAlgorithm")
    if algorithm == "aws:kms:dsse":
        raise NotImplementedHere(
            "A setting you provided implies functionality that is not implemented: dual-layer "
            "encryption (aws:kms:dsse); use aws:kms",
            Header="SSEAlgorithm",
        )
    if algorithm not in {SSE_S3, SSE_KMS}:
        raise MalformedXML
    if default.get("KMSMasterKeyID") is not None and algorithm != SSE_KMS:
        raise InvalidArgument(
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or "
            "aws:kms:dsse",
            ArgumentName="ApplyServerSideEncryptionByDefault",
        )
    rule.setdefault("BucketKeyEnabled", False)
    with in_s3_words(request["Bucket"]):
        context.platform.objects.buckets.set_encryption(
            request["Bucket"], json.dumps({"Rules": [rule]})
        )
    return {}


@operation("s3:DeleteBucketEncryption")
def delete_bucket_encryption(
    request: "DeleteBucketEncryptionRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Go back to encryption under this server's own key.

    Raises:
        NoSuchBucket: no such bucket.
    """
    refuse_unbuilt(request, context)
    with in_s3_words(request["Bucket"]):
        context.platform.objects.buckets.set_encryption(request["Bucket"], "")
    return {}
