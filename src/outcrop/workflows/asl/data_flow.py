"""How data goes through a state, one function per stage; all raise `StatesError`.

The order for a Task: `effective_input`, `arguments` (and `limits_of`, `credentials_of`), the
call, `finish`. A Pass: `effective_input`, `arguments`, `finish` with the arguments as result (or
`pass_through`, which does all three). A Map: `effective_input`, `map_items` or `reader_of`, then
`item_input` per item, `finish` with the list of outputs. Raw input is what the state was entered
with; `effective` is what `effective_input` made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.workflows.asl.errors import StatesError
from outcrop.workflows.asl.machine import (
    Catcher,
    ChoiceState,
    FailState,
    MapState,
    PassState,
    Scope,
    State,
    TaskState,
    WaitState,
)
from outcrop.workflows.asl.retries import catcher_for, retrier_for, retry_delay_seconds

__all__ = [
    "Batching",
    "Chosen",
    "Finished",
    "MapLimits",
    "Reading",
    "StatesError",
    "Wait",
    "Writing",
    "arguments",
    "batching_of",
    "catcher_for",
    "caught",
    "check_size",
    "choose",
    "credentials_of",
    "effective_input",
    "failure_of",
    "finish",
    "item_input",
    "limits_of",
    "map_items",
    "map_limits",
    "pass_through",
    "reader_of",
    "retrier_for",
    "retry_delay_seconds",
    "wait_of",
    "writer_of",
]


@dataclass(frozen=True, slots=True)
class Finished:
    """A state's output, and the variables it assigned (None where it has no Assign)."""

    output: Any
    assigned: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The way a Choice took."""

    next: str
    output: Any
    assigned: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a Wait takes: seconds, or until an RFC 3339 timestamp; the other one is None."""

    seconds: int | None = None
    timestamp: str | None = None


@dataclass(frozen=True, slots=True)
class MapLimits:
    """A Map's limits; 0 for a concurrency without limit, percentages from 0 to 100."""

    max_concurrency: int = 0
    tolerated_failure_percentage: float = 0.0
    tolerated_failure_count: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read a distributed Map's items from.

    Attributes:
        arguments: of the resource, evaluated: {"Bucket": …, "Key": …}.
        config: ReaderConfig as written: InputType, CSVHeaderLocation, CSVHeaders, …
        max_items: how many items to take at most, or None.
    """

    resource: str
    arguments: Any
    config: Mapping[str, Any]
    max_items: int | None = None


@dataclass(frozen=True, slots=True)
class Batching:
    """How items become batches; None for a limit that is not set."""

    max_items: int | None = None
    max_bytes: int | None = None
    batch_input: Any = None
    has_batch_input: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """Where results are exported to; no resource means they stay in the output."""

    resource: str | None
    arguments: Any
    config: Mapping[str, Any]


def effective_input(state: State, raw_input: Any, scope: Scope) -> Any:
    """Return the input after InputPath (JSONata: the raw input)."""
    raise NotImplementedError(state, raw_input, scope)


def arguments(state: State, effective: Any, scope: Scope) -> Any:
    """Return Parameters or Arguments evaluated; without them the effective input."""
    raise NotImplementedError(state, effective, scope)


def finish(state: State, raw_input: Any, effective: Any, result: Any, scope: Scope) -> Finished:
    """Return output and assigned variables of a state that came to a result.

    ResultSelector, ResultPath and OutputPath under JSONPath; Output under JSONata; Assign in both.
    """
    raise NotImplementedError(state, raw_input, effective, result, scope)


def pass_through(state: State, raw_input: Any, scope: Scope) -> Finished:
    """Return what a Pass or Succeed makes of its input, in one call."""
    raise NotImplementedError(state, raw_input, scope, PassState)


def caught(
    state: State, catcher: Catcher, raw_input: Any, error: str, cause: str, scope: Scope
) -> Finished:
    """Return output and assigned variables after an entry of Catch took an error."""
    raise NotImplementedError(state, catcher, raw_input, error, cause, scope)


def choose(state: ChoiceState, raw_input: Any, scope: Scope) -> Chosen:
    """Return the way that a Choice takes, InputPath and OutputPath (or Output) included."""
    raise NotImplementedError(state, raw_input, scope)


def wait_of(state: WaitState, effective: Any, scope: Scope) -> Wait:
    """Return how long a Wait takes."""
    raise NotImplementedError(state, effective, scope)


def failure_of(state: FailState, effective: Any, scope: Scope) -> tuple[str | None, str | None]:
    """Return a Fail's error and cause, None for what it does not say."""
    raise NotImplementedError(state, effective, scope)


def limits_of(state: TaskState, effective: Any, scope: Scope) -> tuple[int | None, int | None]:
    """Return TimeoutSeconds and HeartbeatSeconds of a Task, evaluated."""
    raise NotImplementedError(state, effective, scope)


def credentials_of(state: TaskState, effective: Any, scope: Scope) -> Any:
    """Return a Task's Credentials evaluated ({"RoleArn": …}), or None."""
    raise NotImplementedError(state, effective, scope)


def map_items(state: MapState, effective: Any, scope: Scope) -> list[Any]:
    """Return the items of a Map without ItemReader (a JSON object's entries as Key and Value)."""
    raise NotImplementedError(state, effective, scope)


def map_limits(state: MapState, effective: Any, scope: Scope) -> MapLimits:
    """Return concurrency and tolerance of a Map, evaluated."""
    raise NotImplementedError(state, effective, scope)


def item_input(state: MapState, effective: Any, scope: Scope, item: Any, index: int) -> Any:
    """Return the input of one iteration.

    `scope.context` must hold `Map.Item` for this item; without ItemSelector the item itself.
    """
    raise NotImplementedError(state, effective, scope, item, index)


def reader_of(state: MapState, effective: Any, scope: Scope) -> Reading | None:
    """Return what a distributed Map reads its items from, or None where they are in its input."""
    raise NotImplementedError(state, effective, scope)


def batching_of(state: MapState, effective: Any, scope: Scope) -> Batching | None:
    """Return how a Map batches its items, or None."""
    raise NotImplementedError(state, effective, scope)


def writer_of(state: MapState, effective: Any, scope: Scope) -> Writing | None:
    """Return where a Map's results are written, or None."""
    raise NotImplementedError(state, effective, scope)


def check_size(value: Any, state: State, scope: Scope) -> None:
    """Refuse a payload above 262,144 bytes of JSON text.

    Raises:
        StatesError: States.DataLimitExceeded.
    """
    raise NotImplementedError(value, state, scope)
