"""Where executions are logged: loggingConfiguration, checked against the log group that it names."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy.exc import IntegrityError

from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import Principal
from outcrop.core.times import now_us
from outcrop.services.platform import Context
from outcrop.services.stepfunctions.errors import (
    AccessDeniedException,
    InvalidLoggingConfiguration,
)
from outcrop.storage.logs import rows as log_rows

_OFF: Mapping[str, Any] = {"level": "OFF", "includeExecutionData": False}
_GROUP = re.compile(r"arn:aws[a-z-]*:logs:([a-z0-9-]+):([0-9]{12}):log-group:([^:]+):\*")
# What AWS leaves in a group that it was told to deliver to.
_VALIDATION_STREAM = "log_stream_created_by_aws_to_validate_log_delivery_subscriptions"


def normalise(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a configuration with its defaults, as DescribeStateMachine shows it.

    Raises:
        InvalidLoggingConfiguration: there is not exactly one destination where something is to be logged.
    """
    configuration = {**_OFF, **(given or {})}
    destinations = configuration.get("destinations") or []
    is_off = configuration["level"] == "OFF"
    if len(destinations) > 1 or (not destinations and not is_off):
        raise _invalid("Must specify exactly one Log Destination.")
    return configuration


def log_group(configuration: Mapping[str, Any]) -> str:
    """Return the ARN of the log group that a configuration names, or ""."""
    for destination in configuration.get("destinations") or ():
        arn: str = (destination.get("cloudWatchLogsLogGroup") or {}).get("logGroupArn", "")
        return arn
    return ""


async def check(configuration: Mapping[str, Any], role: Principal, context: Context) -> None:
    """Make sure that a machine's log group is there and that its role may see it; leave a stream in it.

    Raises:
        InvalidLoggingConfiguration: there is no such group.
        AccessDeniedException: the role may not look it up.
    """
    if not configuration.get("destinations"):
        return
    arn = log_group(configuration)
    match = _GROUP.fullmatch(arn)
    if match is None or match.group(2) != context.account_id:
        raise _invalid("Log Destination not found.")
    region, _, name = match.groups()
    token: str | None = ""
    while token is not None:
        request = {"logGroupNamePrefix": name} | ({"nextToken": token} if token else {})
        try:
            answer = await context.invoke(
                "logs", "DescribeLogGroups", request, principal=role, region=region
            )
        except ServiceError as error:
            if "AccessDenied" not in error.code:
                raise
            raise AccessDeniedException(
                "The state machine IAM Role is not authorized to access the Log Destination"
            ) from error
        if any(group["logGroupName"] == name for group in answer.get("logGroups", ())):
            await asyncio.to_thread(_leave_stream, region, name, context)
            return
        token = answer.get("nextToken")
    raise _invalid("Log Destination not found.")


def _leave_stream(region: str, group_name: str, context: Context) -> None:
    platform = context.platform
    with suppress(IntegrityError), platform.database.write() as connection:
        group = log_rows.find_group(connection, region, group_name)
        if group is not None and not log_rows.find_stream(connection, group.id, _VALIDATION_STREAM):
            log_rows.insert_stream(connection, group.id, _VALIDATION_STREAM, now_us(platform.clock))


def _invalid(reason: str) -> InvalidLoggingConfiguration:
    return InvalidLoggingConfiguration(f"Invalid Logging Configuration: {reason}")
