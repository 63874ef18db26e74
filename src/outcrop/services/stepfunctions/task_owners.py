"""Whose task a token is of: permissions to answer tasks are given on activities and on state machines."""

from outcrop.services.platform import Platform
from outcrop.workflows.history import DETAILS, ID, TYPE

_ANYBODY = "*"


def owner(token: str, platform: Platform) -> str:
    """Return the ARN of the activity that a task waits for, or of its machine; "*" where nobody waits for the token."""
    engine = platform.executions.engine
    key = engine.callbacks.opened(token)
    if key is None:
        return _ANYBODY
    execution_id, event_id = key
    for _number, records in engine.journal_rows.records(execution_id, event_id, event_id):
        for record in records:
            if record[ID] == event_id and record[TYPE] == "ActivityScheduled":
                return str(record[DETAILS]["resource"])
    for execution in engine.active.values():
        if execution.id == execution_id:
            return execution.row.machine_arn.partition("/")[0]
    return _ANYBODY
