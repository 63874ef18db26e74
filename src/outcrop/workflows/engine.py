"""The engine: begins executions, runs them on the event loop, ends them, and goes on with them after a crash.

An execution's row, its revision and its first event are one transaction; so are its last event, its row's end and what
is told of that. Between, everything that was recorded can be gone on from (see frames.fold).
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from outcrop.storage.database.engine import Database
from outcrop.storage.executions.journals import JournalRows
from outcrop.storage.executions.map_runs import MapRunRows
from outcrop.storage.executions.rows import RUNNING, SERVICE, ExecutionRow, ExecutionRows
from outcrop.storage.service_keys import ServiceKeys
from outcrop.workflows import branches
from outcrop.workflows.asl.definition import parse_definition
from outcrop.workflows.asl.machine import Machine
from outcrop.workflows.callbacks import Callbacks
from outcrop.workflows.execution import Appender, Execution, HistoryFull
from outcrop.workflows.failures import RUNTIME, TIMEOUT, StateFailed
from outcrop.workflows.frames import Frame, Past, fold
from outcrop.workflows.history import ID, LIMIT_CAUSE, LIMIT_ERROR, Record
from outcrop.workflows.interpreter import Interpreter
from outcrop.workflows.journal import Journal
from outcrop.workflows.revisions import MachineRevision
from outcrop.workflows.task_states import TaskStates
from outcrop.workflows.tasks import Integrations
from outcrop.workflows.timers import Slices, Timers

log = structlog.get_logger("outcrop.workflows")

EXPRESS_SECONDS = 300
_REVISIONS, _ROWS, _ENDS, _REMOVALS, _TOLD = range(5)
_MACHINES_KEPT = 200
_EVENTS = {
    "SUCCEEDED": "ExecutionSucceeded",
    "FAILED": "ExecutionFailed",
    "TIMED_OUT": "ExecutionTimedOut",
    "ABORTED": "ExecutionAborted",
}
StatusListener = Callable[[Connection, ExecutionRow, MachineRevision], None]
ChangeListener = Callable[[ExecutionRow], None]
EventListener = Callable[[MachineRevision, ExecutionRow, Sequence[Record]], None]


class Unjournaled:
    """Where express executions' records go: to the log, not to disk.

    Args:
        tell: called with each record.
    """

    def __init__(self, tell: Callable[[Record], None]) -> None:
        self._tell = tell

    def append(self, _execution_id: int, record: tuple[Any, ...]) -> None:
        """Tell an event; notes are for recoveries, of which there is none."""
        if record[ID]:
            self._tell(record)

    async def committed(self) -> None:
        """Return at once."""


class Engine:
    """Runs executions; every method is called on the server's event loop.

    Attributes:
        active: executions that run, by ARN.
        on_status: called in the journal's thread, within the transaction, when an execution began or ended.
        on_change: called on the loop as soon as an execution of any type began, ended or was redriven.
        on_events: called on the loop after events are on disk (of express executions: as they happen).
    """

    def __init__(
        self, database: Database, keys: ServiceKeys, timers: Timers, wait_scale: float
    ) -> None:
        self.timers = timers
        self.slices = Slices()
        self.rows = ExecutionRows(database, keys)
        self.journal_rows = JournalRows(database, keys)
        self.map_run_rows = MapRunRows(database, keys)
        self.journal = Journal(database, self.journal_rows)
        self.journal.on_committed = self._committed
        self.callbacks = Callbacks(keys)
        self.interpreter = Interpreter(timers, self.slices, wait_scale)
        branches.register(self.interpreter)
        self.active: dict[str, Execution] = {}
        self.on_status: StatusListener | None = None
        self.on_change: ChangeListener | None = None
        self.on_events: EventListener | None = None
        self._by_id: dict[int, Execution] = {}
        self._machines: dict[str, Machine] = {}
        self._counter = itertools.count()
        self._keys = keys
        self._is_ready = False
        self.integrations: Integrations | None = None

    def use(self, integrations: Integrations, activity_exists: Callable[[str], bool]) -> None:
        """Say who makes the calls of Task states."""
        self.integrations = integrations
        TaskStates(self.interpreter, integrations, self.callbacks, activity_exists=activity_exists)

    async def prepare(self) -> None:
        """Make the service's key if this is its first use: the journal's transactions could not."""
        if not self._is_ready:
            await asyncio.to_thread(self._keys.seal, SERVICE, b"", b"")
            self._is_ready = True

    def machine(self, revision: MachineRevision) -> Machine:
        """Return a revision's definition, parsed once for all executions that come soon."""
        digest = revision.definition
        machine = self._machines.get(digest)
        if machine is None:
            machine = parse_definition(revision.definition, revision.type)
            if len(self._machines) >= _MACHINES_KEPT:
                del self._machines[next(iter(self._machines))]
            self._machines[digest] = machine
        return machine

    def new_id(self) -> int:
        """Return an id for an execution: they ascend, over restarts too."""
        return (self.timers.now_us() // 1000 << 20) + next(self._counter) % (1 << 20)

    def begin(
        self, row: ExecutionRow, revision: MachineRevision, machine: Machine | None = None
    ) -> Execution:
        """Start an execution; it is accepted once the journal is committed."""
        execution = self._take_on(row, revision, machine)
        self.journal.batch(_REVISIONS, self.rows.add_revisions, (row.revision, revision.encoded()))
        self.journal.batch(_ROWS, self.rows.insert, row)
        self._tell(row, revision)
        details: dict[str, Any] = {"input": row.input, "roleArn": revision.role_arn}
        if revision.alias_arn:
            details["stateMachineAliasArn"] = revision.alias_arn
        if revision.version_arn:
            details["stateMachineVersionArn"] = revision.version_arn
        execution.emit("ExecutionStarted", 0, details)
        self.run(execution, {})
        return execution

    def run(self, execution: Execution, pasts: Mapping[str, Past]) -> None:
        """Let an execution go on from what its journal says."""
        execution.task = asyncio.create_task(self._drive(execution, pasts))

    def restore(self, row: ExecutionRow) -> tuple[Execution, dict[str, Past]]:
        """Return an execution as its journal has it, and where its frames stand."""
        revision = MachineRevision.decoded(self.rows.revision(row.revision))
        if row.type == "EXPRESS":
            # At least once: an express execution has no journal and begins anew.
            return self._take_on(row, revision, None), {}
        records: list[Record] = []
        number = -1
        for chunk, content in self.journal_rows.records(row.id):
            number = chunk
            records.extend(content)
        execution = self._take_on(row, revision, None, next_chunk=number + 1)
        execution.next_id = max((record[ID] for record in records), default=0) + 1
        return execution, fold(records)

    async def recover(self) -> int:
        """Go on with every execution that had not ended; returns how many there are."""
        await self.prepare()
        restored = []
        for arn in self.rows.running():
            row = self.rows.find(arn)
            if row is None or arn in self.active:
                continue
            try:
                restored.append(self.restore(row))
            except Exception as error:
                log.exception("execution_not_recovered", execution=arn, error=str(error))
            await asyncio.sleep(0)
        # Only now, so that parents find the child executions that they wait for.
        for execution, pasts in restored:
            if execution.row.type == "EXPRESS":
                details = {"input": execution.row.input, "roleArn": execution.revision.role_arn}
                execution.emit("ExecutionStarted", 0, details)
            self.run(execution, pasts)
        return len(restored)

    def finish(  # noqa: PLR0913 - what an end consists of
        self,
        execution: Execution,
        status: str,
        previous: int,
        *,
        output: str | None = None,
        error: str | None = None,
        cause: str | None = None,
    ) -> int:
        """End an execution, and return when; nothing more is recorded of it."""
        details: dict[str, Any] = {"output": output, "error": error, "cause": cause}
        details = {name: value for name, value in details.items() if value is not None}
        execution.emit(_EVENTS[status], previous, details)
        execution.is_over = True
        row, stopped_us = execution.row, self.timers.now_us()
        ended = _ended(row, status, stopped_us, (output, error, cause), execution.redrive_count)
        execution.row = ended
        if row.type == "STANDARD":
            end = (row.id, status, stopped_us, (output, error, cause))
            self.journal.batch(_ENDS, self.rows.finish, end)
        else:
            self.journal.batch(_REMOVALS, self.rows.remove, row.id)
        self._tell(ended, execution.revision)
        self.journal.end(row.id, lambda: self._gone(execution))
        return stopped_us

    def abort(
        self,
        execution: Execution,
        status: str,
        *,
        error: str | None = None,
        cause: str | None = None,
    ) -> int:
        """End a running execution from outside (ABORTED or TIMED_OUT) and return when."""
        # AWS's histories have this event refer to none.
        stopped_us = self.finish(execution, status, 0, error=error, cause=cause)
        if execution.root is not None:
            execution.root.stop_tasks()
        if execution.task is not None:
            execution.task.cancel()
        return stopped_us

    def redrive(self, row: ExecutionRow, moment_us: int) -> Execution:
        """Let an ended execution go on from where it failed."""
        count = row.redrive_count + 1
        values = {name: getattr(row, name) for name in ExecutionRow.__slots__}
        values |= {"status": RUNNING, "stopped_us": None, "output": None, "error": None}
        values |= {"cause": None, "redrive_count": count, "redriven_us": moment_us}
        execution, pasts = self.restore(ExecutionRow(**values))
        self.journal.batch(_ENDS, self.rows.redrive, (row.id, count, moment_us))
        redriven = execution.emit(
            "ExecutionRedriven", execution.next_id - 1, {"redriveCount": count}
        )
        for past in pasts.values():
            past.redrive(redriven)
        self._tell(execution.row, execution.revision)
        self.run(execution, pasts)
        return execution

    async def close(self) -> None:
        """Put every execution down, and write what happened until now."""
        tasks = []
        for execution in list(self.active.values()):
            execution.is_closing = True
            if execution.root is not None:
                execution.root.stop_tasks()
            if execution.task is not None:
                execution.task.cancel()
                tasks.append(execution.task)
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.journal.close()

    def _take_on(
        self,
        row: ExecutionRow,
        revision: MachineRevision,
        machine: Machine | None,
        *,
        next_chunk: int = 0,
    ) -> Execution:
        if machine is None:
            machine = self.machine(revision)
        appender: Appender = self.journal
        if row.type == "EXPRESS":
            appender = Unjournaled(lambda record: self._told(revision, row, [record]))
        execution = Execution(
            row,
            revision,
            machine,
            data=json.loads(row.input),
            appender=appender,
            now_us=self.timers.now_us,
        )
        self.active[row.arn] = execution
        self._by_id[row.id] = execution
        self.journal.begin(row.id, next_chunk)
        return execution

    async def _drive(self, execution: Execution, pasts: Mapping[str, Past]) -> None:
        root = Frame(execution, execution.machine, pasts=pasts)
        execution.root = root
        alarm = self._alarm(execution)
        row = execution.row
        try:
            data = execution.context["Execution"]["Input"]
            _output, text = await self.interpreter.run(root, data, row.input, pasts.get(""))
            self.finish(execution, "SUCCEEDED", root.previous, output=text)
        except StateFailed as failure:
            self.finish(
                execution, "FAILED", failure.previous, error=failure.error, cause=failure.cause
            )
        except HistoryFull:
            root.stop_tasks()
            self.finish(
                execution, "FAILED", execution.next_id - 1, error=LIMIT_ERROR, cause=LIMIT_CAUSE
            )
        except asyncio.CancelledError:
            if not execution.is_over and not execution.is_closing:
                raise
        except Exception as error:
            log.exception("execution_broke", execution=execution.arn)
            root.stop_tasks()
            cause = f"Internal error: {type(error).__name__}"
            self.finish(execution, "FAILED", root.previous, error=RUNTIME, cause=cause)
        finally:
            if alarm is not None:
                alarm.cancel()

    def _alarm(self, execution: Execution) -> "asyncio.Task[None] | None":
        seconds = execution.machine.timeout_seconds
        if execution.row.type == "EXPRESS":
            seconds = min(seconds or EXPRESS_SECONDS, EXPRESS_SECONDS)
        if seconds is None:
            return None
        begun = execution.row.redriven_us or execution.row.started_us

        async def ring() -> None:
            await self.timers.sleep_until(begun + seconds * 1_000_000)
            if not execution.is_over and not execution.is_closing:
                error = TIMEOUT if execution.row.type == "EXPRESS" else None
                self.abort(execution, "TIMED_OUT", error=error)

        return asyncio.create_task(ring())

    def _gone(self, execution: Execution) -> None:
        self._by_id.pop(execution.id, None)
        if self.active.get(execution.arn) is execution:
            del self.active[execution.arn]
        if not execution.ended.done():
            execution.ended.set_result(None)

    def _committed(self, execution_id: int, records: Sequence[Record]) -> None:
        execution = self._by_id.get(execution_id)
        if execution is not None:
            self._told(execution.revision, execution.row, [r for r in records if r[ID]])

    def _told(
        self, revision: MachineRevision, row: ExecutionRow, records: Sequence[Record]
    ) -> None:
        if self.on_events is not None and revision.logging and records:
            self.on_events(revision, row, records)

    def _tell(self, row: ExecutionRow, revision: MachineRevision) -> None:
        if self.on_change is not None and not row.map_run_arn:
            self.on_change(row)
        if self.on_status is not None and row.type == "STANDARD" and not row.map_run_arn:
            self.journal.batch(_TOLD, self._tell_all, (row, revision))

    def _tell_all(
        self, connection: Connection, changes: list[tuple[ExecutionRow, MachineRevision]]
    ) -> None:
        assert self.on_status is not None
        for row, revision in changes:
            try:
                with connection.begin_nested():
                    self.on_status(connection, row, revision)
            except SQLAlchemyError:
                raise  # the whole group is written again
            except Exception:
                # A listener's fault must not keep executions from the disk.
                log.exception("execution_status_not_told", execution=row.arn)


def _ended(
    row: ExecutionRow,
    status: str,
    stopped_us: int,
    result: tuple[str | None, str | None, str | None],
    redrive_count: int,
) -> ExecutionRow:
    values = {name: getattr(row, name) for name in ExecutionRow.__slots__}
    output, error, cause = result
    values |= {"status": status, "stopped_us": stopped_us, "redrive_count": redrive_count}
    values |= {"output": output, "error": error, "cause": cause}
    return ExecutionRow(**values)
