"""What clients read of a bucket's configuration, where nothing can be configured yet.

Each answer is that of an AWS bucket on which the thing was never set up. Setting it up is not built.
"""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.buckets import owner
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


@operation("s3:GetBucketLogging")
def get_bucket_logging(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that access is not logged.

    Raises:
        NoSuchBucket: no such bucket.
    """
    _require_bucket(request, context)
    return {}


@operation("s3:GetBucketAccelerateConfiguration")
def get_bucket_accelerate_configuration(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that transfer acceleration was never enabled.

    Raises:
        NoSuchBucket: no such bucket.
    """
    _require_bucket(request, context)
    return {}


@operation("s3:GetBucketNotificationConfiguration")
def get_bucket_notification_configuration(
    request: BucketRequest, context: Context
) -> dict[str, Any]:
    """Answer that nobody is notified.

    Raises:
        NoSuchBucket: no such bucket.
    """
    _require_bucket(request, context)
    return {}


@operation("s3:GetBucketRequestPayment")
def get_bucket_request_payment(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that the owner pays.

    Raises:
        NoSuchBucket: no such bucket.
    """
    _require_bucket(request, context)
    return {"Payer": "BucketOwner"}


@operation("s3:GetBucketOwnershipControls")
def get_bucket_ownership_controls(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that access control lists are off.

    Raises:
        NoSuchBucket: no such bucket.
    """
    _require_bucket(request, context)
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}


@operation("s3:GetBucketAcl")
def get_bucket_acl(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that the account may do everything.

    Raises:
        NoSuchBucket: no such bucket.
    """
    _require_bucket(request, context)
    return _full_control(context)


@operation("s3:GetObjectAcl")
def get_object_acl(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that the account may do everything.

    Raises:
        NoSuchBucket, NoSuchKey: no such object.
    """
    _require_object(request, context)
    return _full_control(context)


@operation("s3:GetObjectTagging")
def get_object_tagging(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that an object has no tags.

    Raises:
        NoSuchBucket, NoSuchKey: no such object.
    """
    _require_object(request, context)
    return {"TagSet": []}


@operation("s3:GetBucketPolicy")
def get_bucket_policy(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that there is none.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _missing(request, context, "NoSuchBucketPolicy", "The bucket policy does not exist")


@operation("s3:GetBucketPolicyStatus")
def get_bucket_policy_status(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that there is no policy.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _missing(request, context, "NoSuchBucketPolicy", "The bucket policy does not exist")


@operation("s3:GetPublicAccessBlock")
def get_public_access_block(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that there is none; without policies and lists nothing is public.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _missing(
        request,
        context,
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
    )


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


@operation("s3:GetBucketCors")
def get_bucket_cors(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that there is none.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _missing(
        request, context, "NoSuchCORSConfiguration", "The CORS configuration does not exist"
    )


@operation("s3:GetBucketLifecycleConfiguration")
def get_bucket_lifecycle_configuration(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that objects stay until they are deleted.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _missing(
        request,
        context,
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    )


@operation("s3:GetBucketReplication")
def get_bucket_replication(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that there is none.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _missing(
        request,
        context,
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    )


@operation("s3:GetBucketWebsite")
def get_bucket_website(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that the bucket is no website.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _missing(
        request,
        context,
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    )


@operation("s3:GetBucketTagging")
def get_bucket_tagging(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that the bucket has no tags.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _missing(request, context, "NoSuchTagSet", "The TagSet does not exist")


@operation("s3:GetObjectLockConfiguration")
def get_object_lock_configuration(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that objects can be deleted.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _missing(
        request,
        context,
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    )


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


def _full_control(context: Context) -> dict[str, Any]:
    account = owner(context)
    grant = {"Grantee": {"Type": "CanonicalUser", **account}, "Permission": "FULL_CONTROL"}
    return {"Owner": account, "Grants": [grant]}
