"""Parallel states, and Map states whose iterations run within the execution."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

from outcrop.workflows import history
from outcrop.workflows.asl import data_flow
from outcrop.workflows.asl.data_flow import Finished
from outcrop.workflows.asl.errors import StatesError
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.asl.machine import MapState, ParallelState
from outcrop.workflows.failures import StateFailed
from outcrop.workflows.frames import Frame, Visit
from outcrop.workflows.interpreter import Interpreter, failure_from

# Developer guide, "Inline mode": up to 40 iterations at once.
INLINE_CONCURRENCY = 40


def register(interpreter: Interpreter) -> None:
    """Let an interpreter carry out Parallel states."""

    async def parallel(frame: Frame, visit: Visit) -> Finished:
        return await _run_parallel(interpreter, frame, visit)

    interpreter.handlers["Parallel"] = parallel


async def _run_parallel(interpreter: Interpreter, frame: Frame, visit: Visit) -> Finished:
    state, scope = visit.state, frame.scope(visit)
    assert isinstance(state, ParallelState)
    effective = data_flow.effective_input(state, visit.raw, scope)
    given = data_flow.arguments(state, effective, scope)
    text = visit.text if given is visit.raw else compact(given)
    started = started_id(visit, "ParallelStateStarted") or frame.emit("ParallelStateStarted")
    visit.has_started = True
    frame.children = {
        index: Frame(
            frame.execution,
            branch,
            key=f"{started}.{index}",
            previous=started,
            variables=frame.variables,
            map_context=frame.map_context,
            pasts=frame.pasts,
        )
        for index, branch in enumerate(state.branches)
    }
    children = list(frame.children.values())
    outputs = await together(
        frame, [run_child(interpreter, child, given, text) for child in children]
    )
    frame.previous = max(child.previous for child in children)
    frame.children = {}
    frame.execution.emit("ParallelStateSucceeded", frame.previous, None, frame.key)
    result = [value for value, _text in outputs]
    visit.result = (result, f"[{','.join(text for _value, text in outputs)}]")
    return data_flow.finish(state, visit.raw, effective, result, frame.scope(visit))


async def run_child(interpreter: Interpreter, child: Frame, raw: Any, text: str) -> Any:
    """Run a branch or an iteration; where it fails for good, the journal says so at once."""
    past = child.pasts.get(child.key)
    try:
        return await interpreter.run(child, raw, text, past)
    except StateFailed as failure:
        child.previous = failure.previous
        if past is None or past.failed is None:
            extra = [failure.error, failure.cause, failure.previous]
            child.execution.note(history.FAILED_NOTE, child.key, extra)
        raise


async def together(frame: Frame, works: list[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run what belongs to a frame side by side; one failure ends all the others.

    Raises:
        StateFailed: the first one.
    """
    tasks = [asyncio.create_task(work) for work in works]
    frame.tasks = tasks
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    except asyncio.CancelledError:
        frame.stop_tasks()
        raise
    failures = [
        error
        for task in tasks
        if task.done() and not task.cancelled() and (error := task.exception()) is not None
    ]
    frame.tasks = []
    if failures:
        for task in tasks:
            task.cancel()
        for child in frame.children.values():
            child.stop_tasks()
        first = min(
            failures, key=lambda error: error.previous if isinstance(error, StateFailed) else 0
        )
        if isinstance(first, StateFailed):
            _abort_others(frame, first)
        raise first
    return [task.result() for task in tasks]


def _abort_others(frame: Frame, failure: StateFailed) -> None:
    """Say what became of the branches or iterations after one of them failed."""
    execution = frame.execution
    # The one that failed comes first, whatever its place.
    ordered = sorted(
        frame.children.values(),
        key=lambda child: (child.previous != failure.previous, _place(child)),
    )
    for child in ordered:
        is_failed = child.previous == failure.previous
        if child.iteration is not None:
            name, index = child.iteration
            kind = "MapIterationFailed" if is_failed else "MapIterationAborted"
            details = {"name": name, "index": index}
            execution.emit(kind, failure.previous, details, child.key)
        child.abort_state(failure.previous)
    frame.children = {}


def _place(child: Frame) -> int:
    return int(child.key.rpartition(".")[2])


def started_id(visit: Visit, event_type: str) -> int:
    """Return the id of the event by which an attempt's branches began, 0 if they did not."""
    for record in visit.attempt:
        if record[history.TYPE] == event_type:
            event_id: int = record[history.ID]
            return event_id
    return 0


class InlineMap:
    """One attempt of a Map state within its execution: as many slots as may run at once, each taking item after item."""

    def __init__(
        self, interpreter: Interpreter, frame: Frame, visit: Visit, items: list[Any], effective: Any
    ) -> None:
        self.interpreter = interpreter
        self.frame = frame
        self.visit = visit
        self.items = items
        self.effective = effective
        self.outputs: list[Any] = [None] * len(items)
        self.finished_id = 0
        self.started = 0
        self.next_index = 0

    async def run(self, max_concurrency: int) -> list[Any]:
        """Return the iterations' outputs, in the items' order.

        Raises:
            StateFailed: of the first iteration that failed.
        """
        frame, visit = self.frame, self.visit
        self.started = started_id(visit, "MapStateStarted") or frame.emit(
            "MapStateStarted", {"length": len(self.items)}
        )
        visit.has_started = True
        self.finished_id = self.started
        slots = max_concurrency or INLINE_CONCURRENCY
        indexes: list[int] = []
        while len(indexes) < slots and (index := self._take()) is not None:
            self._begin(index, self.started)
            indexes.append(index)
        await together(frame, [self._slot(index) for index in indexes]) if indexes else None
        frame.previous = self.finished_id
        frame.children = {}
        return self.outputs

    def _take(self) -> int | None:
        """Return the next item that still has to run; take over outputs of those that did before a crash."""
        while self.next_index < len(self.items):
            index = self.next_index
            self.next_index += 1
            past = self.frame.pasts.get(f"{self.started}.{index}")
            done = past is not None and past.entered is None and past.exited is not None
            if past is None or not done or past.failed or past.exited is None:
                return index
            if past.exited[history.EXTRA] is not None:
                return index
            self.outputs[index] = _parsed(past.exited[history.DETAILS]["output"])
            self.finished_id = max(self.finished_id, past.last_id)
        return None

    def _begin(self, index: int, previous: int) -> None:
        state, frame = self.visit.state, self.frame
        assert isinstance(state, MapState)
        key = f"{self.started}.{index}"
        child = Frame(
            frame.execution,
            state.processor,
            key=key,
            previous=previous,
            variables=frame.variables,
            map_context={"Item": {"Index": index, "Value": self.items[index]}},
            pasts=frame.pasts,
            iteration=(state.name, index),
        )
        if key not in frame.pasts:
            child.emit("MapIterationStarted", {"name": state.name, "index": index})
        frame.children[index] = child

    async def _slot(self, index: int) -> None:
        state = self.visit.state
        assert isinstance(state, MapState)
        frame = self.frame
        while True:
            child = frame.children[index]
            given = self._input(child, index)
            output, _text = await run_child(self.interpreter, child, given, compact(given))
            self.outputs[index] = output
            details = {"name": state.name, "index": index}
            self.finished_id = frame.execution.emit(
                "MapIterationSucceeded", child.previous, details, child.key
            )
            del frame.children[index]
            following = self._take()
            if following is None:
                return
            index = following
            self._begin(index, child.previous)

    def _input(self, child: Frame, index: int) -> Any:
        state = self.visit.state
        assert isinstance(state, MapState)
        scope = self.frame.scope(self.visit)
        context = {**scope.context, "Map": child.map_context}
        inner = type(scope)(context, scope.variables, scope.entered_event_id)
        try:
            return data_flow.item_input(state, self.effective, inner, self.items[index], index)
        except StatesError as error:
            raise failure_from(child, self.visit, error) from error


def _parsed(text: str) -> Any:
    return json.loads(text)
