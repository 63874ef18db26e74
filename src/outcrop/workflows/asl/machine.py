"""State machines as frozen values: what a definition says, with its expressions compiled.

An `Evaluator` is a compiled expression, path or template. Under JSONPath it takes the data the
paths look into and the scope; under JSONata it takes the `$states` object and the scope. None
stands for a field that is absent or has no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

QueryLanguage = Literal["JSONPath", "JSONata"]
MapMode = Literal["INLINE", "DISTRIBUTED"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions see beside their input.

    Attributes:
        context: the context object: Execution, State, StateMachine, and Map, Task where they are.
        variables: the variables assigned so far, without their dollar signs.
        entered_event_id: the id of the state's entering event, which causes mention.
    """

    context: Mapping[str, Any]
    variables: Mapping[str, Any]
    entered_event_id: int = 0


Evaluator = Callable[[Any, Scope], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrier:
    """One entry of Retry.

    Attributes:
        interval_seconds: pause before the first retry.
        max_attempts: retries, not counting the first try; 0 says never.
        max_delay_seconds: what no pause exceeds, or None.
        has_jitter: whether each pause is drawn from [0, its length).
    """

    index: int
    error_equals: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: int | None = None
    has_jitter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Catcher:
    """One entry of Catch.

    Attributes:
        place: puts the error output into the raw input, or None where it replaces it.
        keeps_input: whether ResultPath is null: the error output goes nowhere.
    """

    index: int
    error_equals: tuple[str, ...]
    next: str
    place: Callable[[Any, Any], Any] | None = None
    keeps_input: bool = False
    assign: Evaluator | None = None
    output: Evaluator | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What every state has; fields that a type does not know are None.

    Attributes:
        next: the following state, or None where the state ends its machine or is a Choice.
        is_end: whether the machine ends here (also true of Succeed and Fail).
        place: puts the result into the raw input (ResultPath), or None where it replaces it.
        keeps_input: whether ResultPath is null: the result is dropped.
        parameters: Parameters or Arguments.
        source: the state as written in the definition, for TestState and DescribeMapRun.
    """

    name: str
    type: str
    query_language: QueryLanguage
    comment: str = ""
    next: str | None = None
    is_end: bool = False
    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()
    input_path: Evaluator | None = None
    output_path: Evaluator | None = None
    parameters: Evaluator | None = None
    result_selector: Evaluator | None = None
    place: Callable[[Any, Any], Any] | None = None
    keeps_input: bool = False
    assign: Evaluator | None = None
    output: Evaluator | None = None
    source: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassState(State):
    """Hands its input on, or its fixed Result."""

    result: Any = None
    has_result: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState(State):
    """Calls a resource: an integration's ARN, a function's, an activity's.

    `timeout` and `heartbeat` are evaluated by `data_flow.limits_of`, `credentials` by
    `data_flow.credentials_of`.
    """

    resource: str
    timeout: Evaluator | None = None
    heartbeat: Evaluator | None = None
    credentials: Evaluator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRule:
    """A top-level rule of a Choice; `matches` evaluates its whole tree of conditions."""

    index: int
    next: str
    matches: Evaluator
    assign: Evaluator | None = None
    output: Evaluator | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceState(State):
    """Takes the first rule that matches, else its default."""

    rules: tuple[ChoiceRule, ...]
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitState(State):
    """Waits; exactly one of the two evaluators is set."""

    seconds: Evaluator | None = None
    timestamp: Evaluator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SucceedState(State):
    """Ends its machine well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailState(State):
    """Ends its machine with an error and a cause, literal or evaluated."""

    error: Evaluator | None = None
    cause: Evaluator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelState(State):
    """Runs its branches side by side on the same input."""

    branches: tuple[Machine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReader:
    """Where a distributed Map's items come from; evaluated by `data_flow.reader_of`."""

    resource: str
    parameters: Evaluator | None = None
    config: Evaluator | None = None
    max_items: Evaluator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemBatcher:
    """How a distributed Map's items are grouped; evaluated by `data_flow.batching_of`."""

    max_items_per_batch: Evaluator | None = None
    max_input_bytes_per_batch: Evaluator | None = None
    batch_input: Evaluator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultWriter:
    """Where a distributed Map's results go; evaluated by `data_flow.writer_of`."""

    resource: str | None = None
    parameters: Evaluator | None = None
    config: Evaluator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapState(State):
    """Runs a machine once per item.

    Attributes:
        is_distributed: whether items run as executions of their own, under a map run.
        execution_type: STANDARD or EXPRESS, of those executions.
        items: ItemsPath or Items; None takes the effective input itself.
        item_selector: ItemSelector, or Parameters in the old form.
        label: part of the ids of a distributed Map's executions, or None.
    """

    processor: Machine
    is_distributed: bool = False
    execution_type: Literal["STANDARD", "EXPRESS"] = "STANDARD"
    items: Evaluator | None = None
    item_selector: Evaluator | None = None
    item_reader: ItemReader | None = None
    item_batcher: ItemBatcher | None = None
    result_writer: ResultWriter | None = None
    max_concurrency: Evaluator | None = None
    tolerated_failure_percentage: Evaluator | None = None
    tolerated_failure_count: Evaluator | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A state machine, or the inner machine of a Parallel's branch or of a Map.

    Attributes:
        timeout_seconds: for the whole execution, or None; inner machines have none.
    """

    start_at: str
    states: Mapping[str, State]
    query_language: QueryLanguage = "JSONPath"
    timeout_seconds: int | None = None
    version: str = "1.0"
    comment: str = ""
