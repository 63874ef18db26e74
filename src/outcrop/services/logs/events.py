"""Events of a stream: taken by PutLogEvents, read forwards and backwards by GetLogEvents."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from outcrop.aws.errors import ServiceUnavailableException
from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.services.logs.errors import InvalidParameterException
from outcrop.services.logs.groups import settled
from outcrop.services.logs.naming import group_name, require_group, require_stream
from outcrop.services.logs.streams import sequence_token
from outcrop.services.platform import Context
from outcrop.storage.logs import Event, GroupRow, KeyWithheld, Span, StreamRow, rows

# Source: quotas of PutLogEvents.
EVENT_OVERHEAD_BYTES = 26
LARGEST_PAGE_BYTES = 1 << 20
MOST_EVENTS = 10_000
END_OF_TIME_MS = 1 << 52
_LARGEST_BATCH_BYTES = 1_048_576
_LONGEST_SPAN_MS = 24 * 3_600_000
_FUTURE_MS = 2 * 3_600_000
_PAST_MS = 14 * 86_400_000
_DAY_MS = 86_400_000
_TOKEN = re.compile(r"([fb])/([0-9]{56})/s\Z")


class Position(NamedTuple):
    """A place between the events of a stream: right at the one of this time and sequence."""

    timestamp_ms: int
    sequence: int


@operation("logs:PutLogEvents")
async def put_log_events(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take events into a stream; those too old or too new are told of and left out.

    Raises:
        ResourceNotFoundException: no such group or stream.
        InvalidParameterException: the events are out of order, too many, too large or too far apart.
        ServiceUnavailableException: the group's KMS key cannot be used.
    """
    name, stream_name = request["logGroupName"], request["logStreamName"]
    events: Sequence[Mapping[str, Any]] = request["logEvents"]
    _check_batch(events)
    platform = context.platform
    group = rows.find_group(platform.database.reader, context.region, name)
    if group is None or rows.find_stream(platform.database.reader, group.id, stream_name) is None:
        await settled(context)
        group = require_group(platform.database.reader, name, context)
    stream = require_stream(platform.database.reader, group, stream_name)
    if group.kms_key_arn is not None:
        await asyncio.to_thread(_check_key, group, context)
    kept, rejected = _sorted_out(events, group, now_us(platform.clock) // 1000)
    platform.logs.append(context.region, name, stream_name, kept, create=False)
    await asyncio.to_thread(platform.logs.sync)
    response: dict[str, Any] = {
        "nextSequenceToken": sequence_token(stream.next_sequence + len(kept))
    }
    if rejected:
        response["rejectedLogEventsInfo"] = rejected
    return response


def _check_batch(events: Sequence[Mapping[str, Any]]) -> None:
    size, before = 0, 0
    for event in events:
        own = len(event["message"].encode("utf-8", "replace")) + EVENT_OVERHEAD_BYTES
        if own > _LARGEST_BATCH_BYTES:
            raise InvalidParameterException(
                f"Log event too large: {own} bytes exceeds limit of {_LARGEST_BATCH_BYTES}"
            )
        size += own
        if event["timestamp"] < before:
            raise InvalidParameterException(
                "Log events in a single PutLogEvents request must be in chronological order."
            )
        before = event["timestamp"]
    if size > _LARGEST_BATCH_BYTES:
        raise InvalidParameterException(
            f"Upload too large: {size} bytes exceeds limit of {_LARGEST_BATCH_BYTES}"
        )
    if events[-1]["timestamp"] - events[0]["timestamp"] > _LONGEST_SPAN_MS:
        raise InvalidParameterException(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )


def _sorted_out(
    events: Sequence[Mapping[str, Any]], group: GroupRow, now_ms: int
) -> tuple[list[tuple[int, str]], dict[str, int]]:
    """Return the events to keep, and which of the others are what (ends of ranges are exclusive)."""
    rejected: dict[str, int] = {}
    kept: list[tuple[int, str]] = []
    expired_before = now_ms - (group.retention_days or 1 << 20) * _DAY_MS
    for index, event in enumerate(events):
        moment = event["timestamp"]
        if moment > now_ms + _FUTURE_MS:
            rejected.setdefault("tooNewLogEventStartIndex", index)
        elif moment < now_ms - _PAST_MS:
            rejected["tooOldLogEventEndIndex"] = index + 1
        elif moment < expired_before:
            rejected["expiredLogEventEndIndex"] = index + 1
        else:
            kept.append((moment, event["message"]))
    return kept, rejected


def _check_key(group: GroupRow, context: Context) -> None:
    try:
        context.platform.logs.check_key(group)
    except KeyWithheld as error:
        raise withheld(error) from error


def withheld(error: KeyWithheld) -> ServiceUnavailableException:
    """Return what callers are told when a group's KMS key cannot be used."""
    return ServiceUnavailableException(str(error))


@operation("logs:GetLogEvents")
async def get_log_events(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a page of a stream's events in order of their times, the newest page first unless asked otherwise.

    A token that leads to no further events comes back as it was given: that is how AWS says that this is the end.

    Raises:
        ResourceNotFoundException: no such group or stream.
        InvalidParameterException: the token is none.
        ServiceUnavailableException: the group's KMS key cannot be used.
    """
    name = group_name(request)
    token = request.get("nextToken", "")
    direction, position = _read_token(token) if token else ("", None)
    await settled(context)
    reader = context.platform.database.reader
    group = require_group(reader, name, context)
    stream = require_stream(reader, group, request["logStreamName"])
    span = Span(
        request.get("startTime", 0), request.get("endTime", END_OF_TIME_MS) - 1
    )  # the end is exclusive
    forwards = direction == "f" or (not direction and bool(request.get("startFromHead")))
    limit = request.get("limit", MOST_EVENTS)
    try:
        events = await asyncio.to_thread(
            _page, group, stream, span, position, limit, context, forwards=forwards
        )
    except KeyWithheld as error:
        raise withheld(error) from error
    if events:
        first, last = events[0], events[-1]
        ahead = Position(last.timestamp_ms, last.sequence)
        behind = Position(first.timestamp_ms, first.sequence)
    else:
        ahead = behind = position or Position(0, 0)
    return {
        "events": [
            {
                "timestamp": event.timestamp_ms,
                "message": event.message,
                "ingestionTime": event.ingested_ms,
            }
            for event in events
        ],
        "nextForwardToken": f"f/{event_id(ahead.timestamp_ms, stream.id, ahead.sequence)}/s",
        "nextBackwardToken": f"b/{event_id(behind.timestamp_ms, stream.id, behind.sequence)}/s",
    }


def _page(  # noqa: PLR0913, PLR0917  # a page is told by this many things
    group: GroupRow,
    stream: StreamRow,
    span: Span,
    position: Position | None,
    limit: int,
    context: Context,
    *,
    forwards: bool,
) -> list[Event]:
    if position is not None and position.timestamp_ms:
        near = position.timestamp_ms
        span = (
            Span(max(span.first_ms, near), span.last_ms)
            if forwards
            else Span(span.first_ms, min(span.last_ms, near))
        )
    found = context.platform.logs.events(group, stream, span, newest_first=not forwards)
    if position is not None and position.timestamp_ms:
        found = _beyond(found, position, forwards=forwards)
    events = list(within_a_page(found, limit))
    return events if forwards else events[::-1]


def _beyond(events: Iterator[Event], position: Position, *, forwards: bool) -> Iterator[Event]:
    for event in events:
        place = Position(event.timestamp_ms, event.sequence)
        if place > position if forwards else place < position:
            yield event


def within_a_page(events: Iterator[Event], limit: int) -> Iterator[Event]:
    """Yield events up to a number of them and up to 1 MiB; the first one always."""
    size = 0
    for number, event in enumerate(events):
        size += len(event.message.encode()) + EVENT_OVERHEAD_BYTES
        if number >= limit or (number and size > LARGEST_PAGE_BYTES):
            return
        yield event


def event_id(timestamp_ms: int, stream_id: int, sequence: int) -> str:
    """Return an event's id: 56 digits, as AWS's, by which events are also in order."""
    return f"3{timestamp_ms:015d}{stream_id:016d}{sequence:024d}"


def _read_token(token: str) -> tuple[str, Position]:
    match = _TOKEN.match(token)
    if match is None:
        raise InvalidParameterException("The specified nextToken is invalid.")
    digits = match[2]
    return match[1], Position(int(digits[1:16]), int(digits[32:]))
