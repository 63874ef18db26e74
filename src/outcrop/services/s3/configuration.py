"""What is not built of a bucket's configuration and of objects' tags, answered as by AWS where it was never set up."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.errors import NotConfigured, in_s3_words
from outcrop.services.s3.refusals import refuse_unbuilt

# The request of each is the same for all: the bucket's name, at most with an expected owner.
BucketRequest = Mapping[str, Any]


@operation("s3:GetBucketVersioning")
def get_bucket_versioning(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that versioning was never enabled.

    Raises:
        NoSuchBucket: no such bucket.
    """
    _require_bucket(request, context)
    return {}


@operation("s3:GetBucketEncryption")
def get_bucket_encryption(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that nothing is encrypted by default.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _missing(
        request,
        context,
        "ServerSideEncryptionConfigurationNotFoundError",
        "The server side encryption configuration was not found",
    )


@operation("s3:GetObjectTagging")
def get_object_tagging(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that an object has no tags.

    Raises:
        NoSuchBucket, NoSuchKey: no such object.
    """
    _require_object(request, context)
    return {"TagSet": []}


def _missing(request: BucketRequest, context: Context, code: str, message: str) -> NotConfigured:
    _require_bucket(request, context)
    return NotConfigured(code, message, BucketName=request["Bucket"])


def _require_bucket(request: BucketRequest, context: Context) -> None:
    refuse_unbuilt(request, context)
    with in_s3_words(request["Bucket"]):
        context.platform.objects.buckets.get(request["Bucket"])


def _require_object(request: BucketRequest, context: Context) -> None:
    refuse_unbuilt(request, context)
    with in_s3_words(request["Bucket"], request["Key"]):
        context.platform.objects.get(request["Bucket"], request["Key"])
