"""Log streams of a group."""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.logs import pages
from outcrop.services.logs.errors import InvalidParameterException, ResourceAlreadyExistsException
from outcrop.services.logs.groups import settled
from outcrop.services.logs.naming import group_arn, group_name, require_group, require_stream
from outcrop.services.platform import Context
from outcrop.storage.logs import StreamRow, rows


@operation("logs:CreateLogStream")
async def create_log_stream(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a stream.

    Raises:
        ResourceNotFoundException: no such group.
        ResourceAlreadyExistsException: the group has one of this name.
    """
    await settled(context)
    await asyncio.to_thread(_create, request, context)
    return {}


def _create(request: Mapping[str, Any], context: Context) -> None:
    platform = context.platform
    try:
        with platform.database.write(durable=True) as connection:
            group = require_group(connection, request["logGroupName"], context)
            now = now_us(platform.clock)
            rows.insert_stream(connection, group.id, request["logStreamName"], now)
    except IntegrityError:
        raise ResourceAlreadyExistsException("The specified log stream already exists") from None


@operation("logs:DeleteLogStream")
async def delete_log_stream(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Remove a stream with its events.

    Raises:
        ResourceNotFoundException: no such group or stream.
    """
    await settled(context)
    await asyncio.to_thread(_delete, request, context)
    return {}


def _delete(request: Mapping[str, Any], context: Context) -> None:
    platform = context.platform
    with platform.database.write(durable=True) as connection:
        group = require_group(connection, request["logGroupName"], context)
        stream = require_stream(connection, group, request["logStreamName"])
        rows.delete_stream(connection, stream.id)
    platform.logs.remove_stream_files(stream)


@operation("logs:DescribeLogStreams")
async def describe_log_streams(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a page of a group's streams, by name or by the time of their last events.

    Raises:
        ResourceNotFoundException: no such group.
        InvalidParameterException: a prefix together with the order of times, or a token of another listing.
    """
    name = group_name(request)
    by_time = request.get("orderBy") == "LastEventTime"
    prefix = request.get("logStreamNamePrefix", "")
    if by_time and prefix:
        raise InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
    await settled(context)
    reader = context.platform.database.reader
    group = require_group(reader, name, context)
    found = [row for row in rows.streams(reader, group.id) if row.name.startswith(prefix)]
    if by_time:
        found.sort(key=lambda row: (row.last_ms or 0, row.name))
    if request.get("descending"):
        found.reverse()
    arn = group_arn(context.region, context.account_id, group.name)
    page, following = pages.cut(found, [row.name for row in found], request, context)
    return {"logStreams": [_described(row, arn) for row in page], **following}


def _described(row: StreamRow, arn: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "logStreamName": row.name,
        "creationTime": row.created_us // 1000,
        "arn": f"{arn}:log-stream:{row.name}",
        # AWS tells the size of groups alone since 2019.
        "storedBytes": 0,
    }
    if row.first_ms is not None:
        described |= {
            "firstEventTimestamp": row.first_ms,
            "lastEventTimestamp": row.last_ms,
            "lastIngestionTime": row.ingested_ms,
            "uploadSequenceToken": sequence_token(row.next_sequence),
        }
    return described


def sequence_token(number: int) -> str:
    """Return a sequence token in AWS's form; nobody needs one any more, and any is accepted."""
    return f"49{number:054d}"
