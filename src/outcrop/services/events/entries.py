"""Events themselves: put on buses, and tried against patterns."""

import json
from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import OperationNotBuilt, ValidationException
from outcrop.aws.operation import operation
from outcrop.governance.event_patterns import InvalidEventPattern, compile_pattern
from outcrop.services.events.errors import InvalidEventPatternException
from outcrop.services.events.identifiers import bus_name
from outcrop.services.platform import Context
from outcrop.storage import events as rows
from outcrop.storage.events import DEFAULT_BUS

_MOST_BYTES = 262_144
_TIME_BYTES = (
    14  # what a time counts: EventBridge User Guide, "Calculating PutEvents event entry size"
)
_REQUIRED_OF_ENTRY = ("Source", "DetailType", "Detail")
_REQUIRED_OF_EVENT = ("id", "account", "source", "time", "region", "detail-type")


@operation("events:PutEvents")
def put_events(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Put up to ten events on buses; what is wrong with one holds up no other. Kept when this returns.

    Raises:
        ValidationException: they are more than 256 KB together.
    """
    if request.get("EndpointId"):
        raise OperationNotBuilt("Global endpoints are not built here: leave EndpointId out.")
    entries = request["Entries"]
    if sum(_size(entry) for entry in entries) > _MOST_BYTES:
        raise ValidationException("Total size of the entries in the request is over the limit.")
    answers: list[dict[str, Any]] = []
    accepted: list[tuple[str, dict[str, Any]]] = []
    platform = context.platform
    for entry in entries:
        refusal = _refusal(entry)
        if refusal is not None:
            answers.append({"ErrorCode": refusal[0], "ErrorMessage": refusal[1]})
            continue
        event = platform.events.make(
            context.region,
            entry["Source"],
            entry["DetailType"],
            json.loads(entry["Detail"]),
            entry.get("Resources", ()),
            entry.get("Time"),
        )
        answers.append({"EventId": event["id"]})
        bus = bus_name(entry.get("EventBusName"))
        # AWS: an event for a bus that does not exist is accepted, and lost.
        if _exists(bus, context):
            accepted.append((bus, event))
    platform.events.publish(accepted)
    failed = sum("ErrorCode" in answer for answer in answers)
    return {"FailedEntryCount": failed, "Entries": answers}


@operation("events:TestEventPattern")
def test_event_pattern(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Say whether an event matches a pattern.

    Raises:
        InvalidEventPatternException: the pattern is none.
        ValidationException: the event is none.
    """
    del context
    try:
        event = json.loads(request["Event"])
    except ValueError:
        event = None
    if not isinstance(event, dict) or any(name not in event for name in _REQUIRED_OF_EVENT):
        raise ValidationException("Parameter Event is not valid.")
    try:
        pattern = compile_pattern(request["EventPattern"])
    except InvalidEventPattern as error:
        raise InvalidEventPatternException(str(error)) from error
    return {"Result": pattern.matches(event)}


def _exists(bus: str, context: Context) -> bool:
    if bus == DEFAULT_BUS:
        return True
    return rows.bus(context.platform.database.reader, context.region, bus) is not None


def _size(entry: Mapping[str, Any]) -> int:
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail")]
    texts += entry.get("Resources") or ()
    size = sum(len(text.encode()) for text in texts if text)
    return size + (_TIME_BYTES if entry.get("Time") else 0)


def _refusal(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the code and message for an entry that is not accepted."""
    for name in _REQUIRED_OF_ENTRY:
        if not entry.get(name):
            reason = f"Reason: {name} is a required argument."
            return "InvalidArgument", f"Parameter {name} is not valid. {reason}"
    if entry["Source"].startswith("aws."):
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    try:
        detail = json.loads(entry["Detail"])
    except (ValueError, RecursionError):
        detail = None
    if not isinstance(detail, dict):
        return "MalformedDetail", "Detail is malformed."
    return None
