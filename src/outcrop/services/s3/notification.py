"""Who is told of what happens in a bucket: EventBridge."""

from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.s3.errors import NotImplementedHere
from outcrop.services.s3.stored_configuration import (
    BucketRequest,
    configuration_of,
    drop_document,
    keep_document,
)

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import PutBucketNotificationConfigurationRequestTypeDef

_NOT_BUILT = {
    "TopicConfigurations": "SNS topics",
    "QueueConfigurations": "SQS queues",
    "LambdaFunctionConfigurations": "Lambda functions",
}


@operation("s3:GetBucketNotificationConfiguration")
def get_bucket_notification_configuration(
    request: BucketRequest, context: Context
) -> dict[str, Any]:
    """Return whether EventBridge is told; empty where nobody is.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return dict(configuration_of(request, context).document("notification") or {})


@operation("s3:PutBucketNotificationConfiguration")
def put_bucket_notification_configuration(
    request: "PutBucketNotificationConfigurationRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Have EventBridge told of the bucket's events, or nobody.

    Raises:
        NoSuchBucket: no such bucket.
        NotImplementedHere: topics, queues or functions are to be told; let EventBridge's rules do that.
    """
    configuration: dict[str, Any] = {**request["NotificationConfiguration"]}
    for member, targets in _NOT_BUILT.items():
        if configuration.get(member):
            raise NotImplementedHere(
                f"Notifications to {targets} are not built here; turn EventBridge on for the bucket instead.",
                Header=member,
            )
    if "EventBridgeConfiguration" not in configuration:
        return drop_document(request, context, "notification")
    return keep_document(request, context, "notification", {"EventBridgeConfiguration": {}})
