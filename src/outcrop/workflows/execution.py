"""One execution in memory: its identity, the events it appends, the frames that run it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from outcrop.storage.executions.rows import ExecutionRow
from outcrop.workflows.asl.machine import Machine
from outcrop.workflows.history import EVENT_LIMIT
from outcrop.workflows.revisions import MachineRevision
from outcrop.workflows.timers import iso_time

if TYPE_CHECKING:
    from outcrop.workflows.frames import Frame


class Appender(Protocol):
    """Where an execution's records go: the journal, or memory for express and tested ones."""

    def append(self, execution_id: int, record: tuple[Any, ...]) -> None:
        """Remember a record."""

    async def committed(self) -> None:
        """Return when what was remembered survives."""


class HistoryFull(Exception):
    """The execution has as many events as one may have."""


class Execution:
    """A running execution.

    Args:
        row: as it was accepted.
        revision: what it runs.
        machine: the revision's definition, parsed.
        data: the row's input, parsed.
        appender: takes its records.
        now_us: tells the time.

    Attributes:
        next_id: of its next event.
        root: the frame of its own states.
        task: what runs it.
        ended: done when it has ended and that is on disk.
        is_closing: whether the server ends, so that nothing is to be stopped for good.
    """

    def __init__(  # noqa: PLR0913 - what an execution is made of
        self,
        row: ExecutionRow,
        revision: MachineRevision,
        machine: Machine,
        *,
        data: Any,
        appender: Appender,
        now_us: Callable[[], int],
    ) -> None:
        self.row = row
        self.id = row.id
        self.arn = row.arn
        self.revision = revision
        self.machine = machine
        self.appender = appender
        self.next_id = 1
        self.now_us = now_us
        self.task: asyncio.Task[None] | None = None
        self.root: Frame | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_closing = False
        self.is_over = False
        self.redrive_count = row.redrive_count
        self.context: dict[str, Any] = {
            "Execution": {
                "Id": row.arn,
                "Input": data,
                "StartTime": iso_time(row.started_us),
                "Name": row.name,
                "RoleArn": revision.role_arn,
                "RedriveCount": row.redrive_count,
            },
            "StateMachine": {"Id": revision.arn, "Name": revision.name},
        }
        if row.redriven_us is not None:
            self.context["Execution"]["RedriveTime"] = iso_time(row.redriven_us)

    def emit(
        self,
        event_type: str,
        previous: int,
        details: Mapping[str, Any] | None = None,
        frame: str = "",
        extra: Any = None,
    ) -> int:
        """Append an event and return its id.

        Raises:
            HistoryFull: one more event, and there would be none left to say how it ended.
        """
        if self.is_over or self.is_closing:
            # Stopped, timed out or put down for now: whoever still runs for it is about to learn so.
            raise asyncio.CancelledError
        event_id = self.next_id
        if event_id >= EVENT_LIMIT and not event_type.startswith("Execution"):
            raise HistoryFull
        self.next_id = event_id + 1
        record = (event_id, previous, self.now_us(), event_type, details, frame, extra)
        self.appender.append(self.id, record)
        return event_id

    def note(self, kind: str, frame: str, extra: Any) -> None:
        """Append what only a recovery reads."""
        if self.is_over or self.is_closing:
            raise asyncio.CancelledError
        self.appender.append(self.id, (0, 0, self.now_us(), kind, None, frame, extra))
