"""Who is told of what happens in a bucket: EventBridge, functions, topics."""

import asyncio
import uuid
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

from outcrop.aws.arns import Arn, is_arn
from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import Principal, operation
from outcrop.services.platform import Context
from outcrop.services.s3.announcements import SERVICE, first_message, overlap
from outcrop.services.s3.errors import InvalidArgument, NotImplementedHere
from outcrop.services.s3.stored_configuration import (
    BucketRequest,
    configuration_of,
    drop_document,
    keep_document,
)

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import PutBucketNotificationConfigurationRequestTypeDef

# Kind of destination → the member that names it, and the service that it is of.
_DESTINATIONS = {
    "LambdaFunctionConfigurations": ("LambdaFunctionArn", "lambda"),
    "TopicConfigurations": ("TopicArn", "sns"),
}
_UNREACHABLE = "Unable to validate the following destination configurations"


@operation("s3:GetBucketNotificationConfiguration")
def get_bucket_notification_configuration(
    request: BucketRequest, context: Context
) -> dict[str, Any]:
    """Return who is told; empty where nobody is.

    Raises:
        NoSuchBucket: no such bucket.
    """
    return dict(configuration_of(request, context).document("notification") or {})


@operation("s3:PutBucketNotificationConfiguration")
async def put_bucket_notification_configuration(
    request: "PutBucketNotificationConfigurationRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Have others told of the bucket's events, in the place of those who were told before.

    Raises:
        NoSuchBucket: no such bucket.
        InvalidArgument: a destination is none, does not let S3 reach it, or is told the same as another.
        NotImplementedHere: queues are to be told; let EventBridge's rules do that.
    """
    configuration_of(request, context)
    given: dict[str, Any] = {**request["NotificationConfiguration"]}
    if given.get("QueueConfigurations"):
        raise NotImplementedHere(
            "Notifications to SQS queues are not built here; tell a function or a topic, or turn EventBridge on.",
            Header="QueueConfigurations",
        )
    document: dict[str, Any] = {}
    if "EventBridgeConfiguration" in given:
        document["EventBridgeConfiguration"] = {}
    for member in _DESTINATIONS:
        if given.get(member):
            document[member] = [{"Id": str(uuid.uuid4()), **item} for item in given[member]]
    _check(document)
    if not request.get("SkipDestinationValidation"):
        for arn, kind in _arns(document):
            await _reach(arn, kind, request["Bucket"], context)
    if not document:
        return await asyncio.to_thread(drop_document, request, context, "notification")
    return await asyncio.to_thread(keep_document, request, context, "notification", document)


def _arns(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for member, (arn_member, kind) in _DESTINATIONS.items():
        for item in document.get(member, ()):
            yield item[arn_member], kind


def _check(document: Mapping[str, Any]) -> None:
    for arn, kind in _arns(document):
        if not is_arn(arn) or Arn.parse(arn).service != kind:
            raise InvalidArgument(
                "The ARN could not be parsed", ArgumentName="Arn", ArgumentValue=arn
            )
    items = [item for member in _DESTINATIONS for item in document.get(member, ())]
    for one, other in combinations(items, 2):
        if overlap(one, other):
            raise InvalidArgument(
                "Configurations overlap. Configurations on the same bucket cannot share a common event type."
            )


async def _reach(arn: str, kind: str, bucket: str, context: Context) -> None:
    """Make sure that S3 may call a destination; a topic is told that it became one.

    Raises:
        InvalidArgument: it may not, or there is no such destination.
    """
    account_id = context.account_id
    s3 = Principal(
        "AWSService",
        SERVICE,
        account_id,
        principal_id=SERVICE,
        source_arn=f"arn:aws:s3:::{bucket}",
        source_account=account_id,
    )
    call: tuple[str, str, dict[str, Any]]
    if kind == "lambda":
        call = "lambda", "Invoke", {"FunctionName": arn, "InvocationType": "DryRun"}
    else:
        message = first_message(bucket, context.request_id, context.platform)
        subject = "Amazon S3 Notification"
        call = "sns", "Publish", {"TopicArn": arn, "Subject": subject, "Message": message}
    try:
        await context.invoke(*call, principal=s3, region=Arn.parse(arn).region)
    except ServiceError as error:
        raise InvalidArgument(
            _UNREACHABLE, ArgumentName=arn, ArgumentValue=error.message
        ) from error
