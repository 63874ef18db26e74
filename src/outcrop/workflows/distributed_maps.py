"""Distributed Maps: map runs, whose iterations are executions of their own.

The items are read once and kept, and a child's name follows from its run and place: a run that is gone on with after a
crash finds the children it had and starts only those it had not.
"""

import asyncio
import dataclasses
import json
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from outcrop.storage.executions.map_runs import MapRunRow
from outcrop.storage.executions.rows import RUNNING, ExecutionRow
from outcrop.workflows import history
from outcrop.workflows.asl import data_flow
from outcrop.workflows.asl.data_flow import Finished, MapLimits, Reading
from outcrop.workflows.asl.errors import StatesError
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.asl.machine import MapState, Scope
from outcrop.workflows.branches import InlineMap, started_id
from outcrop.workflows.engine import Engine
from outcrop.workflows.errors import ResourceNotFound, ValidationException
from outcrop.workflows.failures import StateFailed
from outcrop.workflows.frames import Frame, Visit
from outcrop.workflows.interpreter import failure_from
from outcrop.workflows.item_sources import READER_FAILED, ItemsUnreadable, batched, read_items
from outcrop.workflows.result_files import describe_counts, files_of, moment, output_of
from outcrop.workflows.revisions import MachineRevision
from outcrop.workflows.tasks import TaskCall, TaskFailed

_EXCEEDED = "States.ExceedToleratedFailureThreshold"
_EXCEEDED_CAUSE = "The specified tolerated failure threshold was exceeded"
_TOLERATED = "ToleratedFailure"
_WRITER_FAILED = "States.ResultWriterFailed"
# AWS runs up to 10,000; more than this at once gains nothing on one machine.
_MOST_AT_ONCE = 1000
_INSERTS, _CHANGES = 1, 2
_PUT_OBJECT = "arn:aws:states:::s3:putObject"
_UPDATABLE = {
    "maxConcurrency": "max_concurrency",
    "toleratedFailurePercentage": "tolerated_failure_percentage",
    "toleratedFailureCount": "tolerated_failure_count",
}


class _ThresholdExceeded(Exception):
    """More items failed than may."""


class MapRuns:
    """Carries out Map states, and tells of map runs.

    Args:
        engine: runs the children.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._limits: dict[str, MapLimits] = {}
        self._changed: dict[str, asyncio.Event] = {}
        engine.interpreter.handlers["Map"] = self._map

    def describe(self, arn: str) -> dict[str, Any]:
        """Return a run as DescribeMapRun answers.

        Raises:
            ResourceNotFound: no such run.
        """
        row = self._require(arn)
        children = self._engine.rows.children(arn)
        executions = [(1, status) for _arn, _index, _count, status in children]
        items = [(count, status) for _arn, _index, count, status in children]
        written = row.results_written
        return {
            "mapRunArn": row.arn,
            "executionArn": row.execution_arn,
            "status": row.status,
            "startDate": moment(row.started_us),
            "stopDate": moment(row.stopped_us),
            "maxConcurrency": row.max_concurrency,
            "toleratedFailurePercentage": row.tolerated_failure_percentage,
            "toleratedFailureCount": row.tolerated_failure_count,
            "itemCounts": describe_counts(items, max(0, row.item_total), written),
            "executionCounts": describe_counts(executions, max(0, row.child_total), written),
            "redriveCount": row.redrive_count,
            "redriveDate": moment(row.redriven_us),
        }

    def of_execution(self, execution_arn: str) -> list[dict[str, Any]]:
        """Return the runs of an execution as ListMapRuns answers."""
        return [
            {
                "executionArn": row.execution_arn,
                "mapRunArn": row.arn,
                "stateMachineArn": row.machine_arn,
                "startDate": moment(row.started_us),
                "stopDate": moment(row.stopped_us),
            }
            for row in self._engine.map_run_rows.of_execution(execution_arn)
        ]

    async def update(self, arn: str, changes: Mapping[str, Any]) -> None:
        """Change the limits of a run that goes on.

        Raises:
            ResourceNotFound: no such run.
            ValidationException: it has ended.
        """
        row = self._require(arn)
        if row.status != RUNNING:
            raise ValidationException(f"Map Run {arn} is not running and cannot be updated.")
        values = {_UPDATABLE[name]: value for name, value in changes.items() if name in _UPDATABLE}
        if arn in self._limits:
            self._limits[arn] = dataclasses.replace(self._limits[arn], **values)
            self._changed[arn].set()
        self._change(arn, values)
        await self._engine.journal.committed()

    async def _map(self, frame: Frame, visit: Visit) -> Finished:
        state, scope = visit.state, frame.scope(visit)
        assert isinstance(state, MapState)
        effective = data_flow.effective_input(state, visit.raw, scope)
        limits: MapLimits | StatesError
        try:
            limits = data_flow.map_limits(state, effective, scope)
        except StatesError as error:
            # In AWS's histories a tolerance is looked at after the Map has started, its concurrency before.
            if not state.is_distributed or _TOLERATED not in f"{error.location} {error.cause}":
                raise
            limits = error
        if isinstance(limits, StatesError) or state.is_distributed:
            result = await self._distributed(frame, visit, state, effective, limits)
        else:
            items = _items_of(frame, visit, state, effective)
            inline = InlineMap(self._engine.interpreter, frame, visit, items, effective)
            result = await inline.run(limits.max_concurrency)
        frame.execution.emit("MapStateSucceeded", frame.previous, None, frame.key)
        return data_flow.finish(state, visit.raw, effective, result, frame.scope(visit))

    async def _distributed(
        self,
        frame: Frame,
        visit: Visit,
        state: MapState,
        effective: Any,
        limits: MapLimits | StatesError,
    ) -> Any:
        scope = frame.scope(visit)
        items = _items_of(frame, visit, state, effective) if state.item_reader is None else None
        if not started_id(visit, "MapStateStarted"):
            frame.emit("MapStateStarted", {"length": len(items or ())})
        reading = data_flow.reader_of(state, effective, scope)
        if isinstance(limits, StatesError):
            raise limits
        visit.has_started = True
        arn = _recorded_run(visit) or self._begin(frame, state, limits)
        row = await self._row(arn)
        if row.status != RUNNING:
            row = self._redrive(frame, row)
        self._limits[arn] = dataclasses.replace(
            limits,
            max_concurrency=row.max_concurrency,
            tolerated_failure_percentage=row.tolerated_failure_percentage,
            tolerated_failure_count=row.tolerated_failure_count,
        )
        self._changed[arn] = asyncio.Event()
        try:
            return await self._run(frame, visit, state, effective, row, reading, items)
        except _ThresholdExceeded:
            raise self._failed(frame, arn, _EXCEEDED, _EXCEEDED_CAUSE) from None
        except ItemsUnreadable as unreadable:
            raise self._failed(frame, arn, READER_FAILED, str(unreadable)) from None
        except StatesError as error:
            failure = failure_from(frame, visit, error)
            raise self._failed(frame, arn, str(failure.error), str(failure.cause)) from None
        except TaskFailed as failed:
            raise self._failed(frame, arn, _WRITER_FAILED, failed.cause) from None
        except asyncio.CancelledError:
            if not frame.execution.is_closing:
                self._abort_children(arn)
                self._change(arn, {"status": "ABORTED", "stopped_us": self._engine.timers.now_us()})
            raise
        finally:
            self._limits.pop(arn, None)
            self._changed.pop(arn, None)

    async def _run(  # noqa: PLR0913, PLR0917 - what a run consists of
        self,
        frame: Frame,
        visit: Visit,
        state: MapState,
        effective: Any,
        row: MapRunRow,
        reading: Reading | None,
        items: list[Any] | None,
    ) -> Any:
        engine = self._engine
        if row.child_total < 0:
            if reading is not None:
                assert engine.integrations is not None
                call = _call_of(frame, visit, reading.resource, reading.arguments)
                items = await read_items(engine.integrations, call, reading)
            inputs = self._inputs(frame.scope(visit), state, effective, items or [])
            engine.journal.batch(_CHANGES, engine.map_run_rows.add_inputs, (row.arn, inputs))
            await frame.execution.appender.committed()
        else:
            inputs = await asyncio.to_thread(engine.map_run_rows.inputs, row.arn)
        children = await _Children(self, frame, state, row, inputs).run()
        writing = data_flow.writer_of(state, effective, frame.scope(visit))
        values: dict[str, Any] = {"status": "SUCCEEDED", "stopped_us": engine.timers.now_us()}
        values["results_written"] = 0
        if writing is not None and writing.resource:
            files, output = files_of(children, writing, row.arn)
            for key, text in files:
                arguments = {"Bucket": writing.arguments.get("Bucket"), "Key": key, "Body": text}
                call = _call_of(frame, visit, _PUT_OBJECT, arguments)
                assert engine.integrations is not None
                await engine.integrations.start(call)
            result: Any = output
        else:
            result = output_of(children, writing)
        values["results_written"] = sum(child.status == "SUCCEEDED" for child in children)
        frame.emit("MapRunSucceeded")
        self._change(row.arn, values)
        return result

    def _inputs(
        self, scope: Scope, state: MapState, effective: Any, items: list[Any]
    ) -> list[tuple[Any, int]]:
        values = []
        for index, item in enumerate(items):
            context = {**scope.context, "Map": {"Item": {"Index": index, "Value": item}}}
            inner = Scope(context, scope.variables, scope.entered_event_id)
            values.append(data_flow.item_input(state, effective, inner, item, index))
        return batched(values, data_flow.batching_of(state, effective, scope))

    def _begin(self, frame: Frame, state: MapState, limits: MapLimits) -> str:
        execution, engine = frame.execution, self._engine
        parts = execution.revision.arn.split(":")
        label = state.label or str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        machine = parts[6].partition("/")[0]
        run_id = uuid.UUID(bytes=secrets.token_bytes(16), version=4)
        arn = ":".join([*parts[:5], "mapRun", f"{machine}/{label}", str(run_id)])
        row = MapRunRow(
            arn=arn,
            execution_arn=execution.arn,
            machine_arn=f"{':'.join(parts[:6])}:{machine}/{label}",
            status=RUNNING,
            started_us=engine.timers.now_us(),
            stopped_us=None,
            max_concurrency=limits.max_concurrency,
            tolerated_failure_percentage=limits.tolerated_failure_percentage,
            tolerated_failure_count=limits.tolerated_failure_count,
            item_total=0,
            child_total=-1,
            results_written=0,
            redrive_count=0,
            redriven_us=None,
        )
        frame.emit("MapRunStarted", {"mapRunArn": arn})
        engine.journal.batch(_INSERTS, engine.map_run_rows.insert, row)
        return arn

    async def _row(self, arn: str) -> MapRunRow:
        await self._engine.journal.committed()
        return self._require(arn)

    def _redrive(self, frame: Frame, row: MapRunRow) -> MapRunRow:
        values: dict[str, Any] = {
            "status": RUNNING,
            "stopped_us": None,
            "redrive_count": row.redrive_count + 1,
            "redriven_us": self._engine.timers.now_us(),
        }
        details = {"mapRunArn": row.arn, "redriveCount": row.redrive_count + 1}
        frame.emit("MapRunRedriven", details)
        self._change(row.arn, values)
        return dataclasses.replace(row, **values)

    def _failed(self, frame: Frame, arn: str, error: str, cause: str) -> StateFailed:
        self._abort_children(arn)
        frame.emit("MapRunFailed", {"error": error, "cause": cause})
        self._change(arn, {"status": "FAILED", "stopped_us": self._engine.timers.now_us()})
        return StateFailed(error, cause, frame.previous)

    def _abort_children(self, arn: str) -> None:
        for execution in list(self._engine.active.values()):
            if execution.row.map_run_arn == arn and not execution.is_over:
                self._engine.abort(execution, "ABORTED")

    def _change(self, arn: str, values: Mapping[str, Any]) -> None:
        self._engine.journal.batch(_CHANGES, self._engine.map_run_rows.change_all, (arn, values))

    def _require(self, arn: str) -> MapRunRow:
        row = self._engine.map_run_rows.find(arn)
        if row is None:
            raise ResourceNotFound(f"Resource not found: '{arn}'")
        return row

    def limits(self, arn: str) -> MapLimits:
        """Return the limits of a run as they are now."""
        return self._limits[arn]

    def changed(self, arn: str) -> asyncio.Event:
        """Return what is set when a run's limits change."""
        return self._changed[arn]

    @property
    def engine(self) -> Engine:
        """What runs the children."""
        return self._engine


class _Children:
    """The child executions of one run, while it goes on."""

    def __init__(
        self,
        runs: MapRuns,
        frame: Frame,
        state: MapState,
        row: MapRunRow,
        inputs: list[tuple[Any, int]],
    ) -> None:
        self._runs = runs
        self._engine = runs.engine
        self._state = state
        self._row = row
        self._inputs = inputs
        self._revision = _child_revision(frame, state, row)
        self._is_redrive = row.redrive_count > 0
        self._ended: dict[int, ExecutionRow] = {}
        self._failed_items = 0

    async def run(self) -> list[ExecutionRow]:
        """Run all that have not succeeded, and return every child's row, in the items' order.

        Raises:
            _ThresholdExceeded: too many failed.
        """
        known = {index: arn for arn, index, _c, _s in self._engine.rows.children(self._row.arn)}
        waiting: set[asyncio.Task[None]] = set()
        following = 0
        while following < len(self._inputs) or waiting:
            limit = self._runs.limits(self._row.arn).max_concurrency or _MOST_AT_ONCE
            while following < len(self._inputs) and len(waiting) < min(limit, _MOST_AT_ONCE):
                if (task := self._child(following, known.get(following))) is not None:
                    waiting.add(task)
                following += 1
            if not waiting:
                continue
            changed = asyncio.ensure_future(self._runs.changed(self._row.arn).wait())
            try:
                done, _rest = await asyncio.wait(
                    {*waiting, changed}, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                changed.cancel()
            self._runs.changed(self._row.arn).clear()
            waiting -= done
            self._check_threshold()
        self._check_threshold()
        return [self._ended[index] for index in range(len(self._inputs))]

    def _child(self, index: int, known_arn: str | None) -> "asyncio.Task[None] | None":
        engine = self._engine
        execution = None
        if known_arn is not None:
            execution = engine.active.get(known_arn)
            row = engine.rows.find(known_arn)
            if execution is None and row is not None and row.status != RUNNING:
                if row.status == "SUCCEEDED" or not self._is_redrive:
                    self._note(index, row)
                    return None
                execution = engine.redrive(row, engine.timers.now_us())
        if execution is None:
            machine = self._state.processor
            execution = engine.begin(self._row_of(index), self._revision, machine)
        begun = execution

        async def follow() -> None:
            await asyncio.shield(begun.ended)
            self._note(index, begun.row)

        return asyncio.create_task(follow())

    def _note(self, index: int, row: ExecutionRow) -> None:
        self._ended[index] = row
        if row.status != "SUCCEEDED":
            self._failed_items += self._inputs[index][1]

    def _check_threshold(self) -> None:
        limits, state = self._runs.limits(self._row.arn), self._state
        failed = self._failed_items
        total = sum(count for _value, count in self._inputs)
        has_count = state.tolerated_failure_count is not None or limits.tolerated_failure_count > 0
        has_share = (
            state.tolerated_failure_percentage is not None
            or limits.tolerated_failure_percentage > 0
        )
        is_over_count = failed > limits.tolerated_failure_count and (has_count or not has_share)
        is_over_share = has_share and failed * 100 > limits.tolerated_failure_percentage * total
        if failed and (is_over_count or is_over_share):
            raise _ThresholdExceeded

    def _row_of(self, index: int) -> ExecutionRow:
        revision, value = self._revision, self._inputs[index]
        parts = revision.arn.split(":")
        run_id = uuid.UUID(self._row.arn.rpartition(":")[2])
        name = str(uuid.uuid5(run_id, str(index)))
        kind = "express" if revision.type == "EXPRESS" else "execution"
        arn = ":".join([*parts[:5], kind, parts[6], name])
        return ExecutionRow(
            id=self._engine.new_id(),
            arn=arn,
            region=revision.region,
            name=name,
            machine_arn=revision.arn,
            revision=revision.digest,
            version_arn="",
            alias_arn="",
            type=revision.type,
            status=RUNNING,
            started_us=self._engine.timers.now_us(),
            stopped_us=None,
            input=compact(value[0]),
            output=None,
            error=None,
            cause=None,
            trace_header="",
            map_run_arn=self._row.arn,
            item_index=index,
            item_count=value[1],
            redrive_count=0,
            redriven_us=None,
        )


def _items_of(frame: Frame, visit: Visit, state: MapState, effective: Any) -> list[Any]:
    """Return a Map's items; where JSONata finds none, AWS tells of a Map that failed."""
    try:
        return data_flow.map_items(state, effective, frame.scope(visit))
    except StatesError as error:
        visit.has_started |= error.is_evaluation
        raise


def _child_revision(frame: Frame, state: MapState, row: MapRunRow) -> MachineRevision:
    """Return the machine that a run's executions are of."""
    parent = frame.execution.revision
    source = state.source.get("ItemProcessor") or state.source.get("Iterator") or {}
    definition = {
        "QueryLanguage": state.processor.query_language,
        **{name: value for name, value in source.items() if name != "ProcessorConfig"},
    }
    return MachineRevision(
        arn=row.machine_arn,
        name=row.machine_arn.rpartition(":")[2],
        type=state.execution_type,
        definition=json.dumps(definition),
        role_arn=parent.role_arn,
        logging=parent.logging,
        tracing=parent.tracing,
        updated_us=parent.updated_us,
        label=row.machine_arn.rpartition("/")[2],
    )


def _recorded_run(visit: Visit) -> str:
    for record in visit.attempt:
        if record[history.TYPE] == "MapRunStarted":
            arn: str = record[history.DETAILS]["mapRunArn"]
            return arn
    return ""


def _call_of(frame: Frame, visit: Visit, resource: str, arguments: Any) -> TaskCall:
    revision = frame.execution.revision
    return TaskCall(
        resource=resource,
        arguments=arguments,
        region=revision.region,
        account_id=revision.account_id,
        role_arn=revision.role_arn,
        execution_arn=frame.execution.arn,
        state_machine_arn=revision.arn,
        state_name=visit.state.name,
        event_id=visit.entered_id,
    )
