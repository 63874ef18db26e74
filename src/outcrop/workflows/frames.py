"""Frames: one run of a machine's states, the execution's own or that of a branch or an iteration.

A frame's events form a chain through their previous ids; its key tells its records from others' in the journal.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from outcrop.workflows import history
from outcrop.workflows.asl.machine import Machine, MapState, Scope, State
from outcrop.workflows.execution import Execution
from outcrop.workflows.history import Record
from outcrop.workflows.timers import iso_time

# Other states have no Retry, and AWS shows them no count.
_RETRIED = frozenset({"Task", "Parallel", "Map"})
_OPENED = frozenset({"ParallelStateStarted", "MapStateStarted", "MapRunStarted"})


@dataclass(slots=True)
class Past:
    """What the journal says of a frame: where it stands, after which events.

    Attributes:
        entered: the record by which its open state was entered; None between states.
        attempt: what the open state recorded since its last retry.
        counts: how often each entry of the open state's Retry was used.
        retry_until_us: when the retry that is waited for begins; None where none is.
        exited: the record by which a state was left last.
        failed: error and cause where the frame failed for good.
        is_started: whether anything was recorded.
    """

    entered: Record | None = None
    attempt: list[Record] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)
    retry_until_us: int | None = None
    exited: Record | None = None
    failed: tuple[str | None, str | None] | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    previous: int = 0
    last_id: int = 0
    is_started: bool = False

    def add(self, record: Record) -> None:
        """Take in the frame's next record."""
        kind, event_id = record[history.TYPE], record[history.ID]
        self.is_started = True
        if event_id:
            self.last_id = event_id
        if kind in history.ENTERED_TYPES:
            self.entered, self.attempt, self.counts = record, [], {}
            self.retry_until_us = self.failed = None
            self.previous = event_id
        elif kind in history.EXITED_TYPES:
            self.entered, self.exited, self.previous = None, record, event_id
            assigned = record[history.DETAILS].get("assignedVariables") or {}
            self.variables.update({name: orjson.loads(text) for name, text in assigned.items()})
        elif kind == history.RETRY_NOTE:
            index, until_us, previous = record[history.EXTRA]
            self.counts[index] = self.counts.get(index, 0) + 1
            self.retry_until_us, self.attempt, self.previous = until_us, [], previous
        elif kind == history.FAILED_NOTE:
            error, cause, previous = record[history.EXTRA]
            self.failed, self.previous = (error, cause), previous
        elif kind == "MapIterationStarted":
            self.previous = event_id
        elif kind == history.CALLBACK_NOTE:
            self.attempt.append(record)
        elif not kind.startswith(("MapIteration", "Execution")) and not kind.endswith("Aborted"):
            self.retry_until_us = None
            self.attempt.append(record)
            self.previous = event_id

    def redrive(self, event_id: int) -> None:
        """Begin the open state anew, or what failed below it, as ExecutionRedriven asks for."""
        if self.entered is None:
            return
        self.failed = self.retry_until_us = None
        self.counts = {}
        if any(record[history.TYPE] in _OPENED for record in self.attempt):
            self.attempt = [r for r in self.attempt if r[history.TYPE] in _OPENED]
        else:
            self.attempt, self.previous = [], event_id


def fold(records: list[Record]) -> dict[str, Past]:
    """Return what a journal says of each frame, by key."""
    pasts: dict[str, Past] = {"": Past()}
    for record in records:
        if record[history.TYPE] == "ExecutionRedriven":
            for past in pasts.values():
                past.redrive(record[history.ID])
            continue
        key = record[history.FRAME]
        if key not in pasts:
            pasts[key] = Past()
        pasts[key].add(record)
    return pasts


@dataclass(slots=True)
class Visit:
    """One stay in a state, from its entering to its exit.

    Attributes:
        raw: the state's input; text is the same as JSON.
        has_started: whether its branches or iterations began, in this attempt.
        retry_count: retries so far, as the context object shows them.
        before_id: the event that the entering one refers to.
        token: of its present attempt.
        result: what a Task or a Parallel came to, and its JSON text; None elsewhere.
    """

    state: State
    raw: Any
    text: str
    entered_id: int
    entered_us: int
    counts: dict[int, int] = field(default_factory=dict)
    attempt: list[Record] = field(default_factory=list)
    retry_until_us: int | None = None
    retry_count: int = 0
    has_started: bool = False
    before_id: int = 0
    token: str = ""
    result: tuple[Any, str] | None = None


class Frame:
    """One run of a machine.

    Args:
        execution: whose it is.
        machine: the states.
        key: "" for the execution's own, else "started.index": the event that began the branches or iterations, and which.
        previous: id that its first event refers to.
        variables: of the states around, to begin with.
        map_context: `Map` of the context object; None outside of iterations.

    Attributes:
        visit: its open state.
        tasks: what runs its branches or iterations.
        children: their frames, by index.
        pasts: what the journal says of frames below it; empty unless the execution was recovered.
    """

    __slots__ = (
        "children",
        "execution",
        "iteration",
        "key",
        "machine",
        "map_context",
        "pasts",
        "previous",
        "tasks",
        "variables",
        "visit",
    )

    def __init__(  # noqa: PLR0913 - what a frame is made of
        self,
        execution: Execution,
        machine: Machine,
        *,
        key: str = "",
        previous: int = 0,
        variables: Mapping[str, Any] | None = None,
        map_context: Mapping[str, Any] | None = None,
        pasts: Mapping[str, Past] | None = None,
        iteration: tuple[str, int] | None = None,
    ) -> None:
        self.execution = execution
        self.machine = machine
        self.key = key
        self.previous = previous
        self.variables: dict[str, Any] = dict(variables or {})
        self.map_context = map_context
        self.pasts: Mapping[str, Past] = pasts or {}
        self.iteration = iteration
        self.visit: Visit | None = None
        self.tasks: list[asyncio.Task[Any]] = []
        self.children: dict[int, Frame] = {}

    def emit(
        self, event_type: str, details: Mapping[str, Any] | None = None, extra: Any = None
    ) -> int:
        """Append an event to the frame's chain; what follows refers to it."""
        self.previous = self.execution.emit(event_type, self.previous, details, self.key, extra)
        return self.previous

    def scope(self, visit: Visit) -> Scope:
        """Return what the expressions of a visited state see."""
        state: dict[str, Any] = {
            "Name": visit.state.name,
            "EnteredTime": iso_time(visit.entered_us),
        }
        if visit.state.type in _RETRIED:
            state["RetryCount"] = visit.retry_count
        context: dict[str, Any] = {**self.execution.context, "State": state}
        if self.map_context is not None:
            context["Map"] = self.map_context
        if visit.token:
            context["Task"] = {"Token": visit.token}
        return Scope(context, self.variables, visit.entered_id)

    def abort(self, previous: int) -> None:
        """End the frame and all below it from outside, and say so in the history."""
        self.stop_tasks()
        if self.iteration is not None:
            name, index = self.iteration
            details = {"name": name, "index": index}
            self.execution.emit("MapIterationAborted", previous, details, self.key)
        self.abort_state(previous)

    def abort_state(self, previous: int) -> None:
        """Say that the open state was aborted, and what ran below it."""
        if self.visit is None:
            return
        event_type = history.ABORTED.get(self.visit.state.type)
        if event_type is not None:
            self.execution.emit(event_type, previous, None, self.key)
        for child in self.children.values():
            child.abort(previous)
        self.children = {}

    def stop_tasks(self) -> None:
        """Cancel what runs below; none of it appends anything from here on."""
        for task in self.tasks:
            task.cancel()
        self.tasks = []
        for child in self.children.values():
            child.stop_tasks()


def is_distributed(state: State) -> bool:
    """Whether a state is a Map whose iterations are executions of their own."""
    return isinstance(state, MapState) and state.is_distributed
