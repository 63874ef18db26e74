"""What is told of executions to others: EventBridge hears of their status, CloudWatch Logs of their events."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from outcrop.governance.event_bus import EventBus
from outcrop.storage.executions.rows import ExecutionRow
from outcrop.storage.logs import LogStore
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.history import DETAILS, ID, MOMENT, PREVIOUS, TYPE, Record, shown_details
from outcrop.workflows.revisions import MachineRevision

log = structlog.get_logger("outcrop.workflows.notices")

_DATA = ("input", "inputDetails", "output", "outputDetails", "parameters", "assignedVariables")
_FATAL = frozenset({"ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"})
_ERRORS = ("Failed", "TimedOut", "Aborted")


class StatusTeller:
    """Puts "Step Functions Execution Status Change" on the bus, in the transaction that changes the status.

    Args:
        bus: where to.
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def __call__(
        self, connection: Connection, row: ExecutionRow, revision: MachineRevision
    ) -> None:
        """Tell of one change."""
        detail: dict[str, Any] = {
            "executionArn": row.arn,
            "stateMachineArn": row.machine_arn,
            "stateMachineVersionArn": row.version_arn or None,
            "stateMachineAliasArn": row.alias_arn or None,
            "name": row.name,
            "status": row.status,
            "startDate": row.started_us // 1000,
            "stopDate": None if row.stopped_us is None else row.stopped_us // 1000,
            "input": row.input,
            "output": row.output,
            "inputDetails": {"included": True},
            "outputDetails": None if row.output is None else {"included": True},
            "error": row.error,
            "cause": row.cause,
            "redriveCount": row.redrive_count,
            "redriveDate": None if row.redriven_us is None else row.redriven_us // 1000,
        }
        self._bus.put(
            revision.region,
            "aws.states",
            "Step Functions Execution Status Change",
            detail,
            [row.arn],
            connection=connection,
        )


class EventLogger:
    """Writes events into the log groups of a machine's logging configuration, as far as its level asks for them.

    Args:
        logs: where to.
    """

    def __init__(self, logs: LogStore) -> None:
        self._logs = logs

    def __call__(
        self, revision: MachineRevision, row: ExecutionRow, records: Sequence[Record]
    ) -> None:
        """Write events of one execution."""
        level = str(revision.logging.get("level", "OFF"))
        groups = _groups(revision.logging)
        chosen = [record for record in records if _is_wanted(level, record[TYPE])]
        if not chosen or not groups:
            return
        with_data = bool(revision.logging.get("includeExecutionData"))
        events = [
            (record[MOMENT] // 1000, compact(_message(row, record, with_data=with_data)))
            for record in chosen
        ]
        stream = _stream(row)
        for group in groups:
            try:
                self._logs.append(revision.region, group, stream, events, create=False)
            except OSError as error:
                log.warning("execution_events_not_logged", group=group, error=str(error))


def _message(row: ExecutionRow, record: Record, *, with_data: bool) -> dict[str, Any]:
    details = shown_details(record[DETAILS])
    if not with_data:
        details = {name: value for name, value in details.items() if name not in _DATA}
    return {
        "id": str(record[ID]),
        "type": record[TYPE],
        "details": details,
        "previous_event_id": str(record[PREVIOUS]),
        "event_timestamp": str(record[MOMENT] // 1000),
        "execution_arn": row.arn,
        "redrive_count": str(row.redrive_count),
    }


def _is_wanted(level: str, event_type: str) -> bool:
    if level == "ALL":
        return True
    if level == "ERROR":
        return event_type.endswith(_ERRORS)
    return level == "FATAL" and event_type in _FATAL


def _groups(configuration: Mapping[str, Any]) -> list[str]:
    """Return the names of the log groups."""
    arns = [
        str((item.get("cloudWatchLogsLogGroup") or {}).get("logGroupArn", ""))
        for item in configuration.get("destinations") or ()
    ]
    return [
        arn.split(":log-group:", 1)[1].removesuffix(":*") for arn in arns if ":log-group:" in arn
    ]


def _stream(row: ExecutionRow) -> str:
    """Return the log stream of an execution: one for what a machine begins within an hour."""
    begun = datetime.fromtimestamp(row.started_us / 1e6, UTC)
    machine = row.machine_arn.split(":", 6)[6]
    short = hashlib.sha256(row.machine_arn.encode()).hexdigest()[:8]
    return f"states/{machine}/{begun:%Y-%m-%d-%H}-00/{short}"
