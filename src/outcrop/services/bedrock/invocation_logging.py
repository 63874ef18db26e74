"""Model invocation logging: where a region's invocations are logged to. Checked when it is set, as on AWS."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import OperationNotBuilt, ServiceError, ValidationException
from outcrop.aws.operation import Principal, operation
from outcrop.core.times import now_us
from outcrop.identity.directory import RoleNotAssumable
from outcrop.services.platform import Context, Platform

SERVICE = "bedrock.amazonaws.com"
STREAM = "aws/bedrock/modelinvocations"
_CHECK_OBJECT = "amazon-bedrock-logs-permission-check"
_CHECK_MESSAGE = "Permissions are correctly set for Amazon Bedrock logs."
_SESSION = "BedrockModelInvocationLogs"


@operation("bedrock:PutModelInvocationLoggingConfiguration")
async def put_model_invocation_logging_configuration(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Log the region's invocations from now on, to a bucket, a log group or both.

    Raises:
        ValidationException: no destination is given, or one of them cannot be written to.
    """
    wanted = request["loggingConfig"]
    cloud_watch, s3 = wanted.get("cloudWatchConfig"), wanted.get("s3Config")
    if not cloud_watch and not s3:
        raise ValidationException(
            "The logging configuration names no destination. Give a cloudWatchConfig, an s3Config or both."
        )
    if s3:
        await _check_bucket(s3, context)
    if cloud_watch:
        await _check_log_group(cloud_watch, context)
        if large := cloud_watch.get("largeDataDeliveryS3Config"):
            await _check_bucket(large, context)
    platform = context.platform
    await asyncio.to_thread(
        platform.invocation_log.configure, context.region, wanted, now_us(platform.clock)
    )
    return {}


@operation("bedrock:GetModelInvocationLoggingConfiguration")
def get_model_invocation_logging_configuration(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Return where the region's invocations are logged to; nothing where they are not."""
    del request
    found = context.platform.invocation_log.configuration(context.region)
    return {} if found is None else {"loggingConfig": found.members}


@operation("bedrock:DeleteModelInvocationLoggingConfiguration")
def delete_model_invocation_logging_configuration(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Log the region's invocations no longer; those that were logged are still delivered."""
    del request
    platform = context.platform
    platform.invocation_log.configure(context.region, None, now_us(platform.clock))
    return {}


def service_principal(account_id: str, region: str) -> Principal:
    """Return Amazon Bedrock writing logs by itself: a bucket's policy must let it."""
    return Principal(
        type="AWSService",
        arn=SERVICE,
        account_id=account_id,
        principal_id=SERVICE,
        source_arn=_source(account_id, region),
        source_account=account_id,
    )


def assume(role_arn: str, platform: Platform, region: str) -> Principal:
    """Return the session in which Amazon Bedrock writes into log groups.

    Raises:
        RoleNotAssumable: there is no such role, or it does not trust Amazon Bedrock.
    """
    return platform.directory.assume_for_service(
        role_arn,
        SERVICE,
        source_arn=_source(platform.account_id, region),
        source_account=platform.account_id,
        session_name=_SESSION,
    )


def folder_of(config: Mapping[str, Any], account_id: str, region: str) -> str:
    """Return the key prefix of everything that is written to a bucket for a region."""
    return f"{account_folder(config, account_id)}/{region}"


def account_folder(config: Mapping[str, Any], account_id: str) -> str:
    """Return the key prefix of everything that is written to a bucket."""
    prefix = (config.get("keyPrefix") or "").strip("/")
    return f"{prefix + '/' if prefix else ''}AWSLogs/{account_id}/BedrockModelInvocationLogs"


def _source(account_id: str, region: str) -> str:
    return f"arn:aws:bedrock:{region}:{account_id}:*"


async def _check_bucket(config: Mapping[str, Any], context: Context) -> None:
    """Write an empty object where logs are to be written."""
    bucket = config["bucketName"]
    try:
        await context.invoke(
            "s3",
            "PutObject",
            {
                "Bucket": bucket,
                "Key": f"{account_folder(config, context.account_id)}/{_CHECK_OBJECT}",
                "Body": b"",
                "ExpectedBucketOwner": context.account_id,
            },
            principal=service_principal(context.account_id, context.region),
            region=context.region,
        )
    except OperationNotBuilt:
        raise
    except ServiceError as error:
        raise ValidationException(
            f"Failed to validate permissions for S3 bucket: {bucket}. Verify that the bucket exists in the account and "
            f"region, and that its policy lets {SERVICE} put objects under AWSLogs/ ({error.code}: {error.message})"
        ) from error


async def _check_log_group(config: Mapping[str, Any], context: Context) -> None:
    """Make the stream of invocations and write its first event, as the role."""
    group, role_arn = config["logGroupName"], config["roleArn"]
    platform = context.platform
    try:
        principal = await asyncio.to_thread(assume, role_arn, platform, context.region)
        named = {"logGroupName": group, "logStreamName": STREAM}
        with contextlib.suppress(_AlreadyThere):
            await _ask_logs("CreateLogStream", named, principal, context)
        event = {"timestamp": now_us(platform.clock) // 1000, "message": _CHECK_MESSAGE}
        await _ask_logs("PutLogEvents", {**named, "logEvents": [event]}, principal, context)
    except OperationNotBuilt:
        raise
    except (RoleNotAssumable, ServiceError) as error:
        # Terraform tries again for a minute upon exactly these words.
        raise ValidationException(
            f"Failed to validate permissions for log group: {group}, with role: {role_arn}. Verify the IAM role "
            f"permissions are correct. ({error})"
        ) from error


class _AlreadyThere(Exception):
    """The stream was there."""


async def _ask_logs(
    name: str, request: Mapping[str, Any], principal: Principal, context: Context
) -> None:
    try:
        await context.invoke("logs", name, request, principal=principal, region=context.region)
    except ServiceError as error:
        if error.code == "ResourceAlreadyExistsException":
            raise _AlreadyThere from error
        raise
