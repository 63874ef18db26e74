"""Executions of state machines: start, follow, stop, redrive. The engine as services see it.

Nothing here knows how machines are stored: a revision comes with each start and is kept with the execution.
"""

import asyncio
import builtins
import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from outcrop.core.clock import Clock
from outcrop.storage.database.engine import Database
from outcrop.storage.executions.rows import RUNNING, ExecutionFilter, ExecutionRow
from outcrop.storage.service_keys import ServiceKeys
from outcrop.workflows import distributed_maps
from outcrop.workflows.callbacks import Pending
from outcrop.workflows.engine import ChangeListener, Engine, EventListener, StatusListener
from outcrop.workflows.errors import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExecutionNotRedrivable,
    InvalidExecutionInput,
    InvalidOutput,
    InvalidToken,
    TaskTimedOut,
)
from outcrop.workflows.execution import Execution
from outcrop.workflows.history import EVENT_LIMIT, ID, shown
from outcrop.workflows.revisions import (
    ExecutionListing,
    ExecutionRecord,
    HistoryPage,
    MachineRevision,
    Started,
    StartRequest,
)
from outcrop.workflows.tasks import Integrations
from outcrop.workflows.timers import SystemTimers, Timers

__all__ = [
    "ExecutionListing",
    "ExecutionRecord",
    "Executions",
    "HistoryPage",
    "MachineRevision",
    "StartRequest",
    "Started",
]

_MOST_REDRIVES = 1000
_REDRIVE_US = 14 * 86_400_000_000
_UNREDRIVABLE = {
    RUNNING: "Execution is RUNNING and cannot be redriven",
    "SUCCEEDED": "Execution is SUCCEEDED and cannot be redriven",
}


class Executions:
    """The running executions of a server, and the rows of all others.

    Args:
        database: the server's.
        keys: seal what executions hold.
        clock: tells the time.
        wait_scale: what the times of Wait states are multiplied by.
        timers: instead of the clock's, for tests that hold time still.
    """

    def __init__(
        self,
        database: Database,
        keys: ServiceKeys,
        clock: Clock,
        *,
        wait_scale: float = 1.0,
        timers: Timers | None = None,
    ) -> None:
        self.engine = Engine(database, keys, timers or SystemTimers(clock), wait_scale)
        self._runs = distributed_maps.MapRuns(self.engine)

    def attach(
        self,
        integrations: Integrations,
        *,
        on_status: StatusListener | None = None,
        on_change: ChangeListener | None = None,
        on_events: EventListener | None = None,
        activity_exists: Callable[[str], bool] = bool,
    ) -> None:
        """Say who makes the calls of Task states and who is told of what happens.

        Args:
            integrations: make the calls; they need the gateway, which is made later than this.
            on_status: called in the journal's thread, inside the writer's transaction, with its connection and the
                row and revision of an execution that began or ended (standard ones, no children of map runs).
            on_change: called on the loop with the row of an execution that began, ended or was redriven: of any type,
                no children of map runs, and before it is on disk.
            on_events: called on the loop with (revision, row, records) after events are on disk, for machines with a
                logging configuration.
            activity_exists: whether there is an activity of an ARN; without it, each named one is taken to exist.
        """
        self.engine.use(integrations, activity_exists)
        self.engine.on_status, self.engine.on_events = on_status, on_events
        self.engine.on_change = on_change

    async def open(self) -> int:
        """Go on with every execution that had not ended when the server did; call once, on the server's loop.

        Returns how many there were.
        """
        return await self.engine.recover()

    async def close(self) -> None:
        """Let go of every execution, as a crash would but with all that happened written."""
        await self.engine.close()

    async def start(self, request: StartRequest) -> Started:
        """Accept an execution; it is on disk when this returns. The same name and input again: the same execution.

        Raises:
            ExecutionAlreadyExists: the name is taken by one with another input, or one that has ended.
            InvalidExecutionInput: the input is no JSON.
        """
        await self.engine.prepare()
        row = self._row(request)
        active = self.engine.active.get(row.arn)
        found = active.row if active is not None else self.engine.rows.find(row.arn)
        if found is not None:
            if found.status != RUNNING or found.input != request.input:
                raise ExecutionAlreadyExists(f"Execution Already Exists: '{row.arn}'")
            await self.engine.journal.committed()
            return Started(found.arn, found.started_us)
        self.engine.begin(row, request.revision)
        await self.engine.journal.committed()
        return Started(row.arn, row.started_us)

    async def start_sync(self, request: StartRequest) -> ExecutionRecord:
        """Run an EXPRESS execution to its end.

        Raises:
            InvalidExecutionInput: the input is no JSON.
        """
        await self.engine.prepare()
        execution = self.engine.begin(self._row(request), request.revision)
        # Of all executions these alone are not told how often they were redriven.
        del execution.context["Execution"]["RedriveCount"]
        await execution.ended
        return _record(execution.row)

    async def stop(self, arn: str, error: str | None, cause: str | None) -> int:
        """Abort an execution; returns when it stopped, in µs.

        Raises:
            ExecutionDoesNotExist: no such execution.
        """
        execution = self.engine.active.get(arn)
        if execution is None or execution.is_over:
            row = self._require(arn)
            return row.stopped_us or row.started_us
        stopped_us = self.engine.abort(execution, "ABORTED", error=error, cause=cause)
        await self.engine.journal.committed()
        return stopped_us

    async def ended(self, arn: str) -> None:
        """Return when an execution has ended; at once where none of this name runs."""
        execution = self.engine.active.get(arn)
        if execution is not None:
            await asyncio.shield(execution.ended)

    def describe(self, arn: str) -> ExecutionRecord:
        """Return an execution as it stands on disk.

        Raises:
            ExecutionDoesNotExist: no such execution.
        """
        return self._described(self._require(arn))

    def revision_of(self, arn: str) -> MachineRevision:
        """Return what an execution runs.

        Raises:
            ExecutionDoesNotExist: no such execution.
        """
        row = self._require(arn)
        return MachineRevision.decoded(self.engine.rows.revision(row.revision))

    def list(  # noqa: PLR0913 - filters are arguments
        self,
        *,
        machine_arn: str = "",
        map_run_arn: str = "",
        version_arn: str = "",
        alias_arn: str = "",
        status: str = "",
        redriven: bool | None = None,
        after: tuple[int, int] | None = None,
        limit: int = 100,
    ) -> ExecutionListing:
        """Return a page of executions, newest first: of a machine (or version, or alias), or of a map run."""
        wanted = ExecutionFilter(
            machine_arn=machine_arn,
            map_run_arn=map_run_arn,
            version_arn=version_arn,
            alias_arn=alias_arn,
            status=status,
            is_redriven=redriven,
            after=after,
            limit=limit,
        )
        rows, following = self.engine.rows.page(wanted)
        return ExecutionListing(tuple(self._described(row) for row in rows), following)

    def running_count(self, machine_arn: str) -> int:
        """Return how many executions of a machine (all its revisions) have not ended."""
        return self.engine.rows.running_count(machine_arn)

    async def history(
        self, arn: str, *, reverse: bool = False, start: int | None = None, limit: int = 100
    ) -> HistoryPage:
        """Return a page of events.

        Args:
            arn: of the execution.
            reverse: newest first.
            start: id of the page's first event; None for the beginning.
            limit: 1 to 1,000.

        Raises:
            ExecutionDoesNotExist: no such execution.
        """
        row = self._require(arn)
        if reverse and start is None:
            records = await asyncio.to_thread(self._events, row.id, 0, EVENT_LIMIT)
            start = records[-1][ID] if records else 0
        first = start or 1
        low, high = (first - limit, first) if reverse else (first, first + limit)
        records = await asyncio.to_thread(self._events, row.id, low, high)
        if reverse:
            records.reverse()
        following = records[limit][ID] if len(records) > limit else None
        return HistoryPage(tuple(shown(record) for record in records[:limit]), following)

    async def redrive(self, arn: str) -> int:
        """Go on with a failed, timed out or aborted execution from where it failed; returns when, in µs.

        Raises:
            ExecutionDoesNotExist: no such execution.
            ExecutionNotRedrivable: it runs, succeeded, is too old or was redriven too often.
        """
        row = self._require(arn)
        reason = self._unredrivable(row)
        if reason or arn in self.engine.active:
            raise ExecutionNotRedrivable(reason or _UNREDRIVABLE[RUNNING])
        moment_us = self.engine.timers.now_us()
        self.engine.redrive(row, moment_us)
        await self.engine.journal.committed()
        return moment_us

    async def abort_machine(self, machine_arn: str) -> None:
        """Abort every running execution of a machine that is deleted, children of its map runs included."""
        for execution in _all_of(self.engine.active):
            arn = execution.row.machine_arn
            is_its = arn == machine_arn or arn.startswith(f"{machine_arn}/")
            if is_its and not execution.is_over:
                self.engine.abort(execution, "ABORTED")
        await self.engine.journal.committed()

    def describe_map_run(self, arn: str) -> dict[str, Any]:
        """Return a map run as DescribeMapRun answers (times are datetimes).

        Raises:
            ResourceNotFound: no such map run.
        """
        return self._runs.describe(arn)

    def list_map_runs(self, execution_arn: str) -> builtins.list[dict[str, Any]]:
        """Return the map runs of an execution as ListMapRuns answers, newest first.

        Raises:
            ExecutionDoesNotExist: no such execution.
        """
        self._require(execution_arn)
        return self._runs.of_execution(execution_arn)

    async def update_map_run(self, arn: str, changes: Mapping[str, Any]) -> None:
        """Change maxConcurrency, toleratedFailurePercentage or toleratedFailureCount of a run.

        Raises:
            ResourceNotFound: no such map run.
            ValidationException: it has ended.
        """
        await self._runs.update(arn, changes)

    async def send_success(self, token: str, output: str) -> None:
        """End a waiting task with an output (JSON text); on disk when this returns.

        Raises:
            InvalidToken: this server made no such token.
            InvalidOutput: the output is no JSON.
            TaskTimedOut: nobody waits for it any more.
        """
        pending = self._pending(token)
        try:
            json.loads(output)
        except ValueError:
            raise InvalidOutput("Invalid output: it is not valid JSON") from None
        await self._answer(pending, (True, output))

    async def send_failure(self, token: str, error: str | None, cause: str | None) -> None:
        """End a waiting task with an error. Raises as `send_success`."""
        await self._answer(self._pending(token), (False, error, cause))

    async def send_heartbeat(self, token: str) -> None:
        """Say that a task is alive. Raises as `send_success`."""
        self._pending(token).heartbeat.set()

    async def next_activity_task(
        self, activity_arn: str, worker_name: str | None, wait_seconds: float
    ) -> tuple[str, str] | None:
        """Give a worker the oldest waiting task of an activity: (task token, input as JSON text).

        Returns None when there was none for wait_seconds.
        """
        task = await self.engine.callbacks.take(activity_arn, worker_name, wait_seconds)
        return None if task is None else (task.token, task.input)

    def _row(self, request: StartRequest) -> ExecutionRow:
        revision = request.revision
        try:
            json.loads(request.input)
        except ValueError:
            raise InvalidExecutionInput(
                "Invalid State Machine Execution Input: 'Invalid execution input.'"
            ) from None
        name = request.name or str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        parts = revision.arn.split(":")
        kind = "express" if revision.type == "EXPRESS" else "execution"
        arn = ":".join([*parts[:5], kind, parts[6], name])
        if revision.type == "EXPRESS":
            arn = f"{arn}:{uuid.UUID(bytes=secrets.token_bytes(16), version=4)}"
        return ExecutionRow(
            id=self.engine.new_id(),
            arn=arn,
            region=revision.region,
            name=name,
            machine_arn=revision.arn,
            revision=revision.digest,
            version_arn=revision.version_arn,
            alias_arn=revision.alias_arn,
            type=revision.type,
            status=RUNNING,
            started_us=self.engine.timers.now_us(),
            stopped_us=None,
            input=request.input,
            output=None,
            error=None,
            cause=None,
            trace_header=request.trace_header,
            map_run_arn="",
            item_index=0,
            item_count=0,
            redrive_count=0,
            redriven_us=None,
        )

    def _require(self, arn: str) -> ExecutionRow:
        row = self.engine.rows.find(arn)
        if row is None:
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
        return row

    def _described(self, row: ExecutionRow) -> ExecutionRecord:
        reason = self._unredrivable(row)
        if row.map_run_arn and not reason:
            return _record(row, "REDRIVABLE_BY_MAP_RUN")
        return _record(row, "NOT_REDRIVABLE" if reason else "REDRIVABLE", reason)

    def _unredrivable(self, row: ExecutionRow) -> str:
        """Return why an execution cannot be redriven, "" where it can."""
        if row.status in _UNREDRIVABLE:
            return _UNREDRIVABLE[row.status]
        if row.redrive_count >= _MOST_REDRIVES:
            return f"Execution has been redriven {_MOST_REDRIVES} times and cannot be redriven"
        stopped_us = row.stopped_us or row.started_us
        if self.engine.timers.now_us() - stopped_us > _REDRIVE_US:
            return "Execution has exceeded the redrivable period and cannot be redriven"
        return ""

    def _events(self, execution_id: int, first: int, last: int) -> builtins.list[Any]:
        """Return the events between two ids, inclusive, in order."""
        chunks = self.engine.journal_rows.records(execution_id, max(first, 1), last)
        return [
            record
            for _number, records in chunks
            for record in records
            if record[ID] and first <= record[ID] <= last
        ]

    def _pending(self, token: str) -> Pending:
        key = self.engine.callbacks.opened(token)
        if key is None:
            raise InvalidToken("Invalid Token: 'Invalid token'")
        pending = self.engine.callbacks.find(key)
        if pending is None:
            raise TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")
        return pending

    async def _answer(self, pending: Pending, answer: tuple[Any, ...]) -> None:
        if pending.note is not None:
            pending.note(answer)
        pending.answer.set_result(answer)
        await self.engine.journal.committed()


def _all_of(active: Mapping[str, Execution]) -> list[Execution]:
    """Return what runs now, oldest first; it may change while the caller works on it."""
    return [*active.values()]


def _record(
    row: ExecutionRow, redrive: str = "NOT_REDRIVABLE", reason: str = ""
) -> ExecutionRecord:
    return ExecutionRecord(
        id=row.id,
        arn=row.arn,
        region=row.region,
        name=row.name,
        machine_arn=row.machine_arn,
        revision=row.revision,
        version_arn=row.version_arn,
        alias_arn=row.alias_arn,
        type="EXPRESS" if row.type == "EXPRESS" else "STANDARD",
        status=row.status,
        started_us=row.started_us,
        stopped_us=row.stopped_us,
        input=row.input,
        output=row.output,
        error=row.error,
        cause=row.cause,
        trace_header=row.trace_header,
        map_run_arn=row.map_run_arn,
        item_count=row.item_count,
        redrive_count=row.redrive_count,
        redriven_us=row.redriven_us,
        redrive_status=redrive,
        redrive_status_reason=reason,
    )
