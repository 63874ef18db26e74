"""FilterLogEvents: the events of a group that a pattern means, of all its streams in one order of time."""

import asyncio
import hashlib
import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.logs import pages
from outcrop.services.logs.errors import InvalidParameterException, ResourceNotFoundException
from outcrop.services.logs.events import (
    END_OF_TIME_MS,
    EVENT_OVERHEAD_BYTES,
    LARGEST_PAGE_BYTES,
    MOST_EVENTS,
    event_id,
    withheld,
)
from outcrop.services.logs.groups import settled
from outcrop.services.logs.naming import group_name, require_group
from outcrop.services.logs.patterns import InvalidPattern, Pattern, parse_pattern
from outcrop.services.platform import Context
from outcrop.storage.logs import Event, GroupRow, KeyWithheld, Span, StreamRow, rows

# A page ends after so many events looked at, found or not, so that no search holds up others for long.
_MOST_LOOKED_AT = 100_000
_SAME_SEARCH = (
    *("logGroupName", "logGroupIdentifier", "logStreamNames", "logStreamNamePrefix"),
    *("startTime", "endTime", "filterPattern", "startFromHead"),
)
Place = tuple[int, int, int]  # time, stream's id, sequence


@dataclass(slots=True)
class Search:
    """What is looked for, and where.

    Attributes:
        streams: by id.
        after: the place of the last event of the page before.
    """

    group: GroupRow
    streams: dict[int, StreamRow]
    pattern: Pattern
    span: Span
    limit: int
    after: Place | None
    newest_first: bool


@dataclass(slots=True)
class Found:
    """A page.

    Attributes:
        stopped_at: the place to go on from; None where nothing is left.
    """

    events: list[tuple[StreamRow, Event]] = field(default_factory=list)
    stopped_at: Place | None = None


@operation("logs:FilterLogEvents")
async def filter_log_events(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a page of the events that a pattern means.

    A page may be empty although there are more: the token says so.

    Raises:
        ResourceNotFoundException: no such group or stream.
        InvalidParameterException: the pattern or the token is none, or streams are named in two ways.
        ServiceUnavailableException: the group's KMS key cannot be used.
    """
    name = group_name(request)
    if request.get("logStreamNames") and request.get("logStreamNamePrefix"):
        raise InvalidParameterException(
            "logStreamNames and logStreamNamePrefix are mutually exclusive parameters."
        )
    try:
        pattern = parse_pattern(request.get("filterPattern", ""))
    except InvalidPattern as error:
        raise InvalidParameterException(str(error)) from error
    state = pages.state_of(request, context)
    same = _digest(request)
    if state and state.get("of") != same:
        raise InvalidParameterException("The specified nextToken is invalid.")
    await settled(context)
    reader = context.platform.database.reader
    group = require_group(reader, name, context)
    span = Span(request.get("startTime", 0), request.get("endTime", END_OF_TIME_MS))
    search = Search(
        group=group,
        streams={row.id: row for row in _streams(request, rows.streams(reader, group.id), span)},
        pattern=pattern,
        span=span,
        limit=request.get("limit", MOST_EVENTS),
        after=tuple(state["after"]) if state else None,
        newest_first=request.get("startFromHead") is False,
    )
    try:
        found = await asyncio.to_thread(_run, search, context)
    except KeyWithheld as error:
        raise withheld(error) from error
    response: dict[str, Any] = {
        "events": [
            {
                "logStreamName": stream.name,
                "timestamp": event.timestamp_ms,
                "message": event.message,
                "ingestionTime": event.ingested_ms,
                "eventId": event_id(event.timestamp_ms, stream.id, event.sequence),
            }
            for stream, event in found.events
        ],
        "searchedLogStreams": [],
    }
    if found.stopped_at is not None:
        response["nextToken"] = pages.token_for({"after": found.stopped_at, "of": same}, context)
    return response


def _streams(
    request: Mapping[str, Any], streams: list[StreamRow], span: Span
) -> Iterator[StreamRow]:
    """Yield the streams to look into: those named, as far as they have events of the time."""
    named = request.get("logStreamNames")
    if named:
        present = {row.name for row in streams}
        if not present.issuperset(named):
            raise ResourceNotFoundException("The specified log stream does not exist.")
    prefix = request.get("logStreamNamePrefix", "")
    for row in streams:
        is_meant = row.name in named if named else row.name.startswith(prefix)
        if (
            is_meant
            and row.first_ms is not None
            and row.last_ms is not None
            and row.first_ms <= span.last_ms
            and row.last_ms >= span.first_ms
        ):
            yield row


def _run(search: Search, context: Context) -> Found:
    found = Found()
    size = looked_at = 0
    last: Place | None = search.after
    for place, stream, event in _in_order(search, context):
        if search.after is not None and (
            place >= search.after if search.newest_first else place <= search.after
        ):
            continue
        matches = search.pattern.matches(event.message)
        size += (len(event.message.encode()) + EVENT_OVERHEAD_BYTES) if matches else 0
        is_full = len(found.events) >= search.limit or (found.events and size > LARGEST_PAGE_BYTES)
        if looked_at >= _MOST_LOOKED_AT or (matches and is_full):
            found.stopped_at = last
            return found
        looked_at += 1
        last = place
        if matches:
            found.events.append((stream, event))
    return found


def _in_order(search: Search, context: Context) -> Iterator[tuple[Place, StreamRow, Event]]:
    span = search.span
    if search.after is not None:
        near = search.after[0]
        span = (
            Span(span.first_ms, min(near, span.last_ms))
            if search.newest_first
            else Span(max(near, span.first_ms), span.last_ms)
        )

    def of(stream: StreamRow) -> Iterator[tuple[Place, StreamRow, Event]]:
        events = context.platform.logs.events(
            search.group, stream, span, newest_first=search.newest_first
        )
        for event in events:
            yield (event.timestamp_ms, stream.id, event.sequence), stream, event

    return heapq.merge(
        *(of(stream) for stream in search.streams.values()),
        key=lambda item: item[0],
        reverse=search.newest_first,
    )


def _digest(request: Mapping[str, Any]) -> str:
    meant = json.dumps({name: request.get(name) for name in _SAME_SEARCH}, sort_keys=True)
    return hashlib.sha256(meant.encode()).hexdigest()[:16]
