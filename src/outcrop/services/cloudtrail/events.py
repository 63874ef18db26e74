"""Lookups in the audit trail.

Unlike AWS, which lets only management events of one region and ninety days be looked up, every event of every
region is found for as long as it is kept.
"""

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import Any

import orjson

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import operation
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.governance.audit.callers import user_name
from outcrop.governance.audit.layout import moment_of
from outcrop.governance.audit.lookup import Found, Place, Wanted, search
from outcrop.governance.audit.resources import short_name
from outcrop.services.cloudtrail.errors import (
    InvalidEventCategoryException,
    InvalidLookupAttributesException,
    InvalidNextTokenException,
    InvalidTimeRangeException,
)
from outcrop.services.platform import Context

_MOST_RESULTS = 50


@operation("cloudtrail:LookupEvents")
async def lookup_events(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a page of events, the newest first.

    Raises:
        InvalidLookupAttributesException: more than one attribute.
        InvalidTimeRangeException: the range ends before it begins.
        InvalidNextTokenException: the token belongs to another lookup, or to none.
        InvalidEventCategoryException: insights, of which there are none.
    """
    if request.get("EventCategory"):
        raise InvalidEventCategoryException(
            f"Events of the category {request['EventCategory']!r} are not recorded here: leave EventCategory out."
        )
    wanted = _wanted(request)
    count = request.get("MaxResults", _MOST_RESULTS)
    key = context.platform.token_key
    after = _after(request.get("NextToken"), wanted, key)
    layout = context.platform.audit.layout
    # In a thread: a search for what is not there reads everything.
    found = await asyncio.to_thread(lambda: list(islice(search(layout, wanted, after), count + 1)))
    answer: dict[str, Any] = {"Events": [_shown(item) for item in found[:count]]}
    if len(found) > count:
        answer["NextToken"] = _token(found[count - 1].place, wanted, key)
    return answer


def _wanted(request: Mapping[str, Any]) -> Wanted:
    attributes = request.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise InvalidLookupAttributesException(
            f"A lookup takes one attribute; {len(attributes)} were given."
        )
    attribute = attributes[0] if attributes else {}
    since, until = request.get("StartTime"), request.get("EndTime")
    if since is not None and until is not None and since > until:
        raise InvalidTimeRangeException(f"The range ends at {until} but begins at {since}.")
    return Wanted(
        attribute.get("AttributeKey", ""), attribute.get("AttributeValue", ""), since, until
    )


def _same_lookup(wanted: Wanted) -> list[str]:
    return [wanted.attribute, wanted.value, str(wanted.since), str(wanted.until)]


def _token(place: Place, wanted: Wanted, key: bytes) -> str:
    return encode_token(
        {"partition": place.partition, "offset": place.offset, "of": _same_lookup(wanted)}, key
    )


def _after(token: str | None, wanted: Wanted, key: bytes) -> Place | None:
    if not token:
        return None
    try:
        state = decode_token(token, key)
    except ValidationException:
        state = {}
    if state.get("of") != _same_lookup(wanted):
        raise InvalidNextTokenException(
            "The NextToken is not one that this lookup returned: repeat the first call without it, "
            "and keep attributes and times the same from page to page."
        )
    return Place(state["partition"], state["offset"])


def _shown(found: Found) -> dict[str, Any]:
    """Return an event as LookupEvents shows it; the whole record is JSON within."""
    record = found.record
    identity = record.get("userIdentity", {})
    shown: dict[str, Any] = {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "ReadOnly": "true" if record.get("readOnly") else "false",
        "EventTime": moment_of(record["eventTime"]),
        "EventSource": record["eventSource"],
        "Resources": [
            {"ResourceType": item.get("type", ""), "ResourceName": short_name(item)}
            for item in record.get("resources", ())
        ],
        "CloudTrailEvent": orjson.dumps(record).decode(),
    }
    if identity.get("accessKeyId"):
        shown["AccessKeyId"] = identity["accessKeyId"]
    name = user_name(identity)
    if name:
        shown["Username"] = name
    return shown
