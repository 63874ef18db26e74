"""Finds events again, the newest first, without an index: a search through the files at memory speed.

Times never go back within the trail, so a time range is two binary searches; a wanted value is first looked for as
bytes, and only lines that hold it are parsed. Nothing has to be kept up to date, and requests pay nothing for it.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from outcrop.governance.audit.callers import user_name
from outcrop.governance.audit.layout import Layout, time_text
from outcrop.governance.audit.reading import Content, line_at, lines_backwards, opened
from outcrop.governance.audit.resources import names_of

_TIME = b'"eventTime":"'
_TIME_CHARACTERS = 20

Matcher = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a search stopped, so that it can go on.

    Attributes:
        partition: which it was in.
        offset: of the last line that it gave, in bytes.
    """

    partition: str
    offset: int


@dataclass(frozen=True, slots=True)
class Found:
    """An event.

    Attributes:
        record: CloudTrail's, complete; requestParameters and responseElements are None where their payload is gone.
        place: its own.
    """

    record: dict[str, Any]
    place: Place


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are looked for.

    Attributes:
        attribute: one of LookupEvents' attribute keys; "" for any event.
        value: what it must be.
        since: the earliest time, inclusive.
        until: the latest, inclusive.
    """

    attribute: str = ""
    value: str = ""
    since: datetime | None = None
    until: datetime | None = None


def search(layout: Layout, wanted: Wanted, after: Place | None = None) -> Iterator[Found]:
    """Yield events, newest first.

    Args:
        layout: of the trail.
        wanted: which.
        after: where an earlier search stopped.
    """
    matches, needle = _matcher(wanted)
    since = "" if wanted.since is None else time_text(wanted.since)
    until = "~" if wanted.until is None else time_text(wanted.until)
    for partition in reversed(layout.partitions()):
        if after is not None and partition > after.partition:
            continue
        with (
            opened(layout.events(partition)) as events,
            opened(layout.payloads(partition)) as payloads,
        ):
            end = _first_after(events, until)
            if after is not None and partition == after.partition:
                end = min(end, after.offset)
            start = _first_from(events, since)
            for offset, text in lines_backwards(events, start, end, needle):
                found = _read(text)
                if found is not None and matches(found["event"]):
                    record = _with_payload(found, payloads)
                    yield Found(record, Place(partition, offset))
            if start > 0:
                return  # what lies before is too old, in all earlier months too


def _read(text: bytes) -> dict[str, Any] | None:
    try:
        line = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None  # damaged; the verifier will say so
    return line if isinstance(line, dict) and isinstance(line.get("event"), dict) else None


def _with_payload(line: dict[str, Any], payloads: Content) -> dict[str, Any]:
    record: dict[str, Any] = line["event"]
    record["requestParameters"] = record["responseElements"] = None
    if "at" in line:
        text = line_at(payloads, line["at"])
        try:
            payload = orjson.loads(text) if text else {}
        except orjson.JSONDecodeError:
            payload = {}
        if payload.get("eventID") == record.get("eventID"):
            record["requestParameters"] = payload.get("requestParameters")
            record["responseElements"] = payload.get("responseElements")
    return record


# -- what is wanted ----------------------------------------------------------------------------


def _matcher(wanted: Wanted) -> tuple[Matcher, bytes]:
    """Return the test for a record, and bytes that every line which passes it holds."""
    attribute, value = wanted.attribute, wanted.value
    if not attribute:
        return lambda _record: True, b"\n"
    text = orjson.dumps(value)
    if attribute in _MEMBERS:
        member = _MEMBERS[attribute]
        return lambda record: record.get(member) == value, orjson.dumps(member) + b":" + text
    needles = {
        "ReadOnly": b'"readOnly":' + (b"true" if value.lower() == "true" else b"false"),
        "Username": b'"type":"Root"' if value == "root" else text[1:-1],
        "AccessKeyId": b'"accessKeyId":' + text,
        "ResourceType": b'"type":' + text,
        "ResourceName": text[1:-1],
    }
    return lambda record: value in _values(attribute, record), needles[attribute]


_MEMBERS = {"EventId": "eventID", "EventName": "eventName", "EventSource": "eventSource"}


def _values(attribute: str, record: dict[str, Any]) -> Collection[str]:
    """Return what a record has to offer for an attribute."""
    identity = record.get("userIdentity", {})
    resources = record.get("resources", ())
    if attribute == "ReadOnly":
        return ("true", "True") if record.get("readOnly") else ("false", "False")
    if attribute == "Username":
        return (user_name(identity),)
    if attribute == "AccessKeyId":
        return (identity.get("accessKeyId", ""),)
    if attribute == "ResourceType":
        return [item.get("type", "") for item in resources]
    return [name for item in resources for name in names_of(item)]


# -- time --------------------------------------------------------------------------------------


def _first_from(events: Content, moment: str) -> int:
    """Return the offset of the first line whose time is `moment` or later."""
    return _boundary(events, lambda time: time >= moment) if moment else 0


def _first_after(events: Content, moment: str) -> int:
    """Return the offset of the first line whose time is later than `moment`."""
    if moment == "~":
        return len(events)
    return _boundary(events, lambda time: time > moment)


def _boundary(events: Content, is_behind: Callable[[str], bool]) -> int:
    """Return the offset of the first line behind a boundary in time, by halving."""
    low, high = 0, len(events)
    while low < high:
        middle = (low + high) // 2
        start = events.rfind(b"\n", low, middle) + 1 or low
        if is_behind(_time_of(events, start)):
            high = start
        else:
            newline = events.find(b"\n", middle)
            low = len(events) if newline < 0 else newline + 1
    return low


def _time_of(events: Content, offset: int) -> str:
    at = events.find(_TIME, offset)
    if at < 0:
        return "~"
    at += len(_TIME)
    return bytes(events[at : at + _TIME_CHARACTERS]).decode("ascii", "replace")
