"""Events of histories: what their details are called, and how the journal's records become what AWS shows.

A record is (event id, previous event id, µs, type, details, frame, extra). The details are those of the wire without
the `…Details: {truncated: false}` that AWS adds to every text; frame and extra are the interpreter's own. A note has
the id 0 and is shown to nobody.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.core.times import from_us

Record = Sequence[Any]
ID, PREVIOUS, MOMENT, TYPE, DETAILS, FRAME, EXTRA = range(7)
EVENT_LIMIT = 25_000
LIMIT_ERROR = "States.Runtime"
LIMIT_CAUSE = "The execution reached the maximum number of history events (25000)."

ENTERED = {
    name: f"{name}StateEntered"
    for name in ("Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
}
EXITED = {name: f"{name}StateExited" for name in ENTERED}
ABORTED = {name: f"{name}StateAborted" for name in ("Task", "Wait", "Parallel", "Map")}
ENTERED_TYPES = frozenset(ENTERED.values())
EXITED_TYPES = frozenset(EXITED.values())

RETRY_NOTE = "~retry"
FAILED_NOTE = "~failed"
CALLBACK_NOTE = "~callback"

_TEXTS = ("input", "output")
_NO_DETAILS = frozenset(
    {
        "LambdaFunctionStarted",
        "ParallelStateStarted",
        "ParallelStateSucceeded",
        "ParallelStateFailed",
        "ParallelStateAborted",
        "MapStateSucceeded",
        "MapStateFailed",
        "MapStateAborted",
        "TaskStateAborted",
        "WaitStateAborted",
        "MapRunSucceeded",
        "MapRunAborted",
    }
)


def details_member(event_type: str) -> str | None:
    """Return the member of HistoryEvent that holds an event's details, or None where it has none."""
    if event_type in ENTERED_TYPES:
        return "stateEnteredEventDetails"
    if event_type in EXITED_TYPES:
        return "stateExitedEventDetails"
    if event_type in _NO_DETAILS:
        return None
    return f"{event_type[0].lower()}{event_type[1:]}EventDetails"


def shown_details(details: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return details as on the wire, with the marks that say that nothing was cut."""
    shown = dict(details or {})
    for name in _TEXTS:
        if name in shown:
            shown[f"{name}Details"] = {"truncated": False}
    if "assignedVariables" in shown:
        shown["assignedVariablesDetails"] = {"truncated": False}
    return shown


def shown(record: Record) -> dict[str, Any]:
    """Return a record as a HistoryEvent of the wire; its time is a datetime."""
    event: dict[str, Any] = {
        "timestamp": from_us(record[MOMENT]),
        "type": record[TYPE],
        "id": record[ID],
        "previousEventId": record[PREVIOUS],
    }
    member = details_member(record[TYPE])
    if member is not None:
        event[member] = shown_details(record[DETAILS])
    return event
