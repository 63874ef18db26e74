"""How data goes through a state, one function per stage; all raise `StatesError`.

The order for a Task: `effective_input`, `arguments` (and `limits_of`, `credentials_of`), the
call, `finish`. A Pass or Succeed: `pass_through`, which does all. A Choice: `choose`. A Wait:
`effective_input`, `wait_of`, `finish` with the effective input as result. A Map:
`effective_input`, `map_limits`, `map_items` or `reader_of`, then `item_input` per item, `finish`
with the list of outputs. Raw input is what the state was entered with; `effective` is what
`effective_input` made of it (under JSONata the same). Values are shared, never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from outcrop.workflows.asl.errors import (
    DATA_LIMIT,
    QUERY_EVALUATION,
    RUNTIME,
    Problem,
    StatesError,
)
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.asl.machine import (
    Catcher,
    ChoiceState,
    Evaluator,
    FailState,
    MapState,
    PassState,
    Scope,
    State,
    TaskState,
    WaitState,
)
from outcrop.workflows.asl.outcomes import (
    Batching,
    Chosen,
    Finished,
    MapLimits,
    Reading,
    Wait,
    Writing,
)
from outcrop.workflows.asl.retries import catcher_for, retrier_for, retry_delay_seconds

__all__ = [
    "MAX_PAYLOAD_BYTES",
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

# Quotas page: input or result data of a task, state or execution, as UTF-8.
MAX_PAYLOAD_BYTES: Final = 262_144
_MAX_READ_ITEMS: Final = 100_000_000
_WITH_RESULT: Final = frozenset({"Task", "Parallel", "Map"})


def _told(problem: Problem, state: State, scope: Scope) -> StatesError:
    return problem.in_state(state.name, scope.entered_event_id)


def _subject(state: State, value: Any, scope: Scope) -> Any:
    """Return what the state's evaluators look into: JSONata's are given `$states`."""
    if state.query_language == "JSONata":
        return {"input": value, "context": scope.context}
    return value


def _evaluated(
    state: State, evaluator: Evaluator | None, value: Any, scope: Scope, default: Any = None
) -> Any:
    if evaluator is None:
        return default
    try:
        return evaluator(_subject(state, value, scope), scope)
    except Problem as problem:
        raise _told(problem, state, scope) from problem


def effective_input(state: State, raw_input: Any, scope: Scope) -> Any:
    """Return the input after InputPath (JSONata: the raw input)."""
    if state.input_path is None:
        return raw_input
    return _evaluated(state, state.input_path, raw_input, scope)


def arguments(state: State, effective: Any, scope: Scope) -> Any:
    """Return Parameters or Arguments evaluated; without them the effective input.

    A Pass's Result stands for its arguments.
    """
    if isinstance(state, PassState) and state.has_result:
        return state.result
    return _evaluated(state, state.parameters, effective, scope, effective)


def finish(state: State, raw_input: Any, effective: Any, result: Any, scope: Scope) -> Finished:
    """Return output and assigned variables of a state that came to a result.

    JSONPath: Assign sees the result as it came, then ResultSelector, ResultPath and OutputPath
    make the output. JSONata: Output and Assign, both with `$states.result`.
    """
    del effective
    try:
        if state.query_language == "JSONata":
            states = {"input": raw_input, "context": scope.context}
            if state.type in _WITH_RESULT:
                states["result"] = result
            return _with_output(state.output, state.assign, states, result, scope)
        return _selected(state, raw_input, result, scope)
    except Problem as problem:
        raise _told(problem, state, scope) from problem


def _selected(state: State, raw_input: Any, result: Any, scope: Scope) -> Finished:
    assigned = None if state.assign is None else state.assign(result, scope)
    if state.result_selector is not None:
        result = state.result_selector(result, scope)
    if state.keeps_input:
        output = raw_input
    elif state.place is not None:
        output = state.place(raw_input, result)
    else:
        output = result
    if state.output_path is not None:
        output = state.output_path(output, scope)
    return Finished(output, assigned)


def _with_output(
    output: Evaluator | None,
    assign: Evaluator | None,
    states: Mapping[str, Any],
    default: Any,
    scope: Scope,
) -> Finished:
    value = default if output is None else output(states, scope)
    return Finished(value, None if assign is None else assign(states, scope))


def pass_through(state: State, raw_input: Any, scope: Scope) -> Finished:
    """Return what a Pass or Succeed makes of its input, in one call."""
    try:
        if state.query_language == "JSONata":
            states = {"input": raw_input, "context": scope.context}
            return _with_output(state.output, state.assign, states, raw_input, scope)
        value = raw_input
        if state.input_path is not None:
            value = state.input_path(value, scope)
        if isinstance(state, PassState) and state.has_result:
            value = state.result
        elif state.parameters is not None:
            value = state.parameters(value, scope)
        return _selected(state, raw_input, value, scope)
    except Problem as problem:
        raise _told(problem, state, scope) from problem


def caught(  # noqa: PLR0913, PLR0917 an error is a name and a cause, and the rest is where it met
    state: State, catcher: Catcher, raw_input: Any, error: str, cause: str, scope: Scope
) -> Finished:
    """Return output and assigned variables after an entry of Catch took an error."""
    error_output = {"Error": error, "Cause": cause}
    try:
        if state.query_language == "JSONata":
            states = {
                "input": raw_input,
                "context": scope.context,
                "errorOutput": error_output,
            }
            return _with_output(catcher.output, catcher.assign, states, error_output, scope)
        output: Any = error_output
        if catcher.keeps_input:
            output = raw_input
        elif catcher.place is not None:
            output = catcher.place(raw_input, error_output)
        return Finished(
            output, None if catcher.assign is None else catcher.assign(error_output, scope)
        )
    except Problem as problem:
        raise _told(problem, state, scope) from problem


def choose(state: ChoiceState, raw_input: Any, scope: Scope) -> Chosen:
    """Return the way that a Choice takes, InputPath and OutputPath (or Output) included.

    The state's own Assign and Output count for the Default alone; a rule has its own.
    """
    is_jsonata = state.query_language == "JSONata"
    try:
        value = raw_input
        if state.input_path is not None:
            value = state.input_path(value, scope)
        subject = {"input": value, "context": scope.context} if is_jsonata else value
        for rule in state.rules:
            if rule.matches(subject, scope):
                target, assign, output = rule.next, rule.assign, rule.output
                break
        else:
            if state.default is None:
                raise Problem(
                    RUNTIME,
                    "Failed to transition out of the state. "
                    "The state does not point to a next state.",
                )
            target, assign, output = state.default, state.assign, state.output
        if output is not None:
            value = output(subject, scope)
        elif state.output_path is not None:
            value = state.output_path(value, scope)
        return Chosen(target, value, None if assign is None else assign(subject, scope))
    except Problem as problem:
        raise _told(problem, state, scope) from problem


def wait_of(state: WaitState, effective: Any, scope: Scope) -> Wait:
    """Return how long a Wait takes."""
    if state.seconds is not None:
        return Wait(seconds=int(_evaluated(state, state.seconds, effective, scope)))
    return Wait(timestamp=_evaluated(state, state.timestamp, effective, scope))


def failure_of(state: FailState, effective: Any, scope: Scope) -> tuple[str | None, str | None]:
    """Return a Fail's error and cause, None for what it does not say."""
    error = _evaluated(state, state.error, effective, scope)
    return error, _evaluated(state, state.cause, effective, scope)


def limits_of(state: TaskState, effective: Any, scope: Scope) -> tuple[int | None, int | None]:
    """Return TimeoutSeconds and HeartbeatSeconds of a Task, evaluated."""
    if state.timeout is None and state.heartbeat is None:
        return None, None
    timeout = _evaluated(state, state.timeout, effective, scope)
    heartbeat = _evaluated(state, state.heartbeat, effective, scope)
    return (
        None if timeout is None else int(timeout),
        None if heartbeat is None else int(heartbeat),
    )


def credentials_of(state: TaskState, effective: Any, scope: Scope) -> Any:
    """Return a Task's Credentials evaluated ({"RoleArn": …}), or None."""
    return _evaluated(state, state.credentials, effective, scope)


def map_items(state: MapState, effective: Any, scope: Scope) -> list[Any]:
    """Return the items of a Map without ItemReader.

    A distributed Map also takes a JSON object, whose members become {"Key": …, "Value": …}.
    """
    items = _evaluated(state, state.items, effective, scope, effective)
    if isinstance(items, list):
        return items
    if isinstance(items, dict) and state.is_distributed:
        return [{"Key": key, "Value": value} for key, value in items.items()]
    if state.query_language == "JSONata":
        cause = f"Map state input must be an array but was: {compact(items)}"
        raise _told(Problem(QUERY_EVALUATION, cause), state, scope)
    # AWS tells a path into the context object with one $.
    path = state.source.get("ItemsPath", "$").replace("$$", "$", 1)
    problem = Problem(RUNTIME, f'Reference path "{path}" must point to array.')
    raise _told(problem, state, scope)


def map_limits(state: MapState, effective: Any, scope: Scope) -> MapLimits:
    """Return concurrency and tolerance of a Map, evaluated."""
    return MapLimits(
        int(_evaluated(state, state.max_concurrency, effective, scope, 0)),
        float(_evaluated(state, state.tolerated_failure_percentage, effective, scope, 0)),
        int(_evaluated(state, state.tolerated_failure_count, effective, scope, 0)),
    )


def item_input(state: MapState, effective: Any, scope: Scope, item: Any, index: int) -> Any:
    """Return the input of one iteration; without ItemSelector the item itself.

    Args:
        scope: with `Map.Item` in its context; where it is missing, item and index are put there.
    """
    if state.item_selector is None:
        return item
    if "Map" not in scope.context:
        context = {**scope.context, "Map": {"Item": {"Index": index, "Value": item}}}
        scope = Scope(context, scope.variables, scope.entered_event_id)
    return _evaluated(state, state.item_selector, effective, scope)


def reader_of(state: MapState, effective: Any, scope: Scope) -> Reading | None:
    """Return what a distributed Map reads its items from, or None where they are in its input."""
    reader = state.item_reader
    if reader is None:
        return None
    limit = _evaluated(state, reader.max_items, effective, scope)
    return Reading(
        reader.resource,
        _evaluated(state, reader.parameters, effective, scope, {}),
        _evaluated(state, reader.config, effective, scope, {}),
        min(int(limit), _MAX_READ_ITEMS) if limit else None,
    )


def batching_of(state: MapState, effective: Any, scope: Scope) -> Batching | None:
    """Return how a Map batches its items, or None."""
    batcher = state.item_batcher
    if batcher is None:
        return None
    items = _evaluated(state, batcher.max_items_per_batch, effective, scope)
    size = _evaluated(state, batcher.max_input_bytes_per_batch, effective, scope)
    return Batching(
        int(items) if items else None,
        int(size) if size else None,
        _evaluated(state, batcher.batch_input, effective, scope),
        batcher.batch_input is not None,
    )


def writer_of(state: MapState, effective: Any, scope: Scope) -> Writing | None:
    """Return where a Map's results are written, or None."""
    writer = state.result_writer
    if writer is None:
        return None
    return Writing(
        writer.resource,
        _evaluated(state, writer.parameters, effective, scope, {}),
        _evaluated(state, writer.config, effective, scope, {}),
    )


def check_size(value: Any, state: State, scope: Scope) -> None:
    """Refuse a payload above 262,144 bytes of JSON text.

    Raises:
        StatesError: States.DataLimitExceeded.
    """
    del scope
    try:
        size = len(orjson.dumps(value))
    except (TypeError, UnicodeError):  # numbers above 64 bits, lone surrogates
        size = len(compact(value).encode("utf-8", "surrogatepass"))
    if size > MAX_PAYLOAD_BYTES:
        raise StatesError(
            DATA_LIMIT,
            f"The state/task '{state.name}' returned a result with a size exceeding the maximum "
            f"number of bytes service limit.",
            state=state.name,
        )
