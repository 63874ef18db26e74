"""Kinds of configuration that cannot be made here, since what they ask for would not be done.

Reading them answers as AWS does for a bucket on which they were never set up; making them answers that this is not
built. So clients that read everything of a bucket, as Terraform's provider does, find what they expect.
"""

from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.errors import NotConfigured, NotImplementedHere
from outcrop.services.s3.stored_configuration import (
    BucketRequest,
    configuration_of,
    not_configured,
)


@operation("s3:GetBucketLogging")
def get_bucket_logging(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that access is not logged.

    Raises:
        NoSuchBucket: no such bucket.
    """
    configuration_of(request, context)
    return {}


@operation("s3:PutBucketLogging")
def put_bucket_logging(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Turn logging off, which it is.

    Raises:
        NoSuchBucket: no such bucket.
        NotImplementedHere: it is to be turned on; CloudTrail's events say who did what.
    """
    configuration_of(request, context)
    if request["BucketLoggingStatus"].get("LoggingEnabled"):
        raise NotImplementedHere(
            "Server access logs are not delivered here; use CloudTrail's LookupEvents, which lists every call.",
            Header="LoggingEnabled",
        )
    return {}


@operation("s3:GetBucketReplication")
def get_bucket_replication(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that there is none.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    configuration_of(request, context)
    raise not_configured(
        request,
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    )


@operation("s3:DeleteBucketReplication")
def delete_bucket_replication(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Do nothing: there is none.

    Raises:
        NoSuchBucket: no such bucket.
    """
    configuration_of(request, context)
    return {}


@operation("s3:GetBucketWebsite")
def get_bucket_website(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that the bucket is no website.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    configuration_of(request, context)
    raise not_configured(
        request,
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    )


@operation("s3:DeleteBucketWebsite")
def delete_bucket_website(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Do nothing: the bucket is no website.

    Raises:
        NoSuchBucket: no such bucket.
    """
    configuration_of(request, context)
    return {}


def _no_such_configuration(request: BucketRequest, context: Context) -> NotConfigured:
    configuration_of(request, context)
    return not_configured(
        request, "NoSuchConfiguration", "The specified configuration does not exist."
    )


def _empty_list(request: BucketRequest, context: Context) -> dict[str, Any]:
    configuration_of(request, context)
    return {"IsTruncated": False}


@operation("s3:GetBucketAnalyticsConfiguration")
def get_bucket_analytics_configuration(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that there is none of this id.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _no_such_configuration(request, context)


@operation("s3:ListBucketAnalyticsConfigurations")
def list_bucket_analytics_configurations(
    request: BucketRequest, context: Context
) -> dict[str, Any]:
    """Return none.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return _empty_list(request, context)


@operation("s3:GetBucketInventoryConfiguration")
def get_bucket_inventory_configuration(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that there is none of this id.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _no_such_configuration(request, context)


@operation("s3:ListBucketInventoryConfigurations")
def list_bucket_inventory_configurations(
    request: BucketRequest, context: Context
) -> dict[str, Any]:
    """Return none.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return _empty_list(request, context)


@operation("s3:GetBucketMetricsConfiguration")
def get_bucket_metrics_configuration(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Answer that there is none of this id.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _no_such_configuration(request, context)


@operation("s3:ListBucketMetricsConfigurations")
def list_bucket_metrics_configurations(request: BucketRequest, context: Context) -> dict[str, Any]:
    """Return none.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return _empty_list(request, context)


@operation("s3:GetBucketIntelligentTieringConfiguration")
def get_bucket_intelligent_tiering_configuration(
    request: BucketRequest, context: Context
) -> dict[str, Any]:
    """Answer that there is none of this id.

    Raises:
        NotConfigured: always, for a bucket that exists.
    """
    raise _no_such_configuration(request, context)


@operation("s3:ListBucketIntelligentTieringConfigurations")
def list_bucket_intelligent_tiering_configurations(
    request: BucketRequest, context: Context
) -> dict[str, Any]:
    """Return none.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return _empty_list(request, context)
