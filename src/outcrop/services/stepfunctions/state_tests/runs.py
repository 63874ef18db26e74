"""One state, carried out: what its data becomes at each stage, how it ends, and what Retry and Catch make of an error."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from outcrop.core.clock import Clock
from outcrop.services.stepfunctions.state_tests.requests import Test
from outcrop.workflows.asl import data_flow
from outcrop.workflows.asl.data_flow import Finished, MapLimits, StatesError
from outcrop.workflows.asl.machine import (
    ChoiceState,
    FailState,
    MapState,
    PassState,
    Scope,
    State,
    SucceedState,
    TaskState,
    WaitState,
)
from outcrop.workflows.tasks import TaskFailed

# Returns the result of a Task's resource called with these arguments.
Call = Callable[[TaskState, Any], Awaitable[Any]]
_LONGEST_SECONDS = 300.0  # API reference, TestState: five minutes, then States.Timeout
# TestState tells of no event that a state was entered by.
_PLACE = re.compile(
    r"^An error occurred while executing the state '.*?' \(entered at the event id #0\)\. "
)
_EXCEEDED = "States.ExceedToleratedFailureThreshold"
_EXCEEDED_CAUSE = "The specified tolerated failure threshold was exceeded"


@dataclass(slots=True)
class Run:
    """A test under way.

    Attributes:
        wait_scale: what the time of a Wait is multiplied by.
        inspection: inspectionData as on the wire.
        next: the state that would follow.
    """

    test: Test
    call: Call
    clock: Clock
    wait_scale: float = 1.0
    inspection: dict[str, Any] = field(default_factory=dict)
    next: str | None = None

    @property
    def state(self) -> State:
        """The state that is tested."""
        return self.test.state

    @property
    def is_path(self) -> bool:
        """Whether the state is written in JSONPath."""
        return self.state.query_language == "JSONPath"

    def show(self, stage: str, value: Any) -> None:
        """Note what the data is at a stage."""
        self.inspection[stage] = text_of(value)


def text_of(value: Any) -> str:
    """Return the JSON text of a value, spaced as TestState's answers are."""
    return json.dumps(value, ensure_ascii=False)


async def run(test: Test, call: Call, clock: Clock, wait_scale: float = 1.0) -> dict[str, Any]:
    """Carry out a test; return TestState's answer, inspectionData complete."""
    state = Run(test, call, clock, wait_scale, {"input": test.input_text})
    state.next = test.state.next
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            finished = await _work(state)
    except TimeoutError:
        return _failed(state, "States.Timeout", "The state did not end within five minutes.")
    except (StatesError, TaskFailed) as error:
        return _failed(state, error.error, _PLACE.sub("", error.cause))
    if finished is None:
        assert isinstance(test.state, FailState)
        effective = data_flow.effective_input(test.state, test.input, test.scope)
        error_name, cause = data_flow.failure_of(test.state, effective, test.scope)
        return _answer(state, "FAILED", error=error_name, cause=cause)
    _show_variables(state, finished)
    return _answer(state, "SUCCEEDED", output=text_of(finished.output), nextState=state.next)


def _answer(run: Run, status: str, **members: Any) -> dict[str, Any]:
    return {**members, "status": status, "inspectionData": run.inspection}


def _show_variables(run: Run, finished: Finished) -> None:
    variables = {**run.test.scope.variables, **(finished.assigned or {})}
    if variables:
        run.show("variables", variables)


async def _work(run: Run) -> Finished | None:
    """Return what the state made; None for a Fail."""
    state, test = run.state, run.test
    if isinstance(state, PassState):
        return _pass(run, state)
    effective = data_flow.effective_input(state, test.input, test.scope)
    if run.is_path:
        run.show("afterInputPath", effective)
    if isinstance(state, FailState):
        return None
    if isinstance(state, ChoiceState):
        chosen = data_flow.choose(state, test.input, test.scope)
        run.next = chosen.next
        return Finished(chosen.output, chosen.assigned)
    if isinstance(state, SucceedState):
        return data_flow.pass_through(state, test.input, test.scope)
    if isinstance(state, WaitState):
        await _wait(run, state, effective)
        return data_flow.finish(state, test.input, effective, effective, test.scope)
    if isinstance(state, MapState):
        result = _map(run, state, effective)
    else:
        result = await _task(run, state, effective)
    if run.is_path:
        _show_result(run, result)
    return data_flow.finish(state, test.input, effective, result, test.scope)


def _pass(run: Run, state: PassState) -> Finished:
    test = run.test
    if run.is_path:
        if state.has_result:
            result = state.result
            run.show("result", result)
        else:
            effective = data_flow.effective_input(state, test.input, test.scope)
            run.show("afterInputPath", effective)
            result = data_flow.arguments(state, effective, test.scope)
            run.show("afterParameters", result)
        _show_result(run, result)
    return data_flow.pass_through(state, test.input, test.scope)


def _show_result(run: Run, result: Any) -> None:
    """Note what ResultSelector and ResultPath make of a result."""
    state, test = run.state, run.test
    if state.result_selector is not None:
        result = state.result_selector(result, test.scope)
    run.show("afterResultSelector", result)
    if state.keeps_input:
        result = test.input
    elif state.place is not None:
        result = state.place(test.input, result)
    run.show("afterResultPath", result)


async def _wait(run: Run, state: WaitState, effective: Any) -> None:
    wait = data_flow.wait_of(state, effective, run.test.scope)
    seconds = 0.0
    if wait.seconds is not None:
        seconds = float(wait.seconds)
    elif wait.timestamp is not None:
        until = datetime.fromisoformat(wait.timestamp)
        seconds = max(0.0, (until - run.clock.now()).total_seconds())
    await asyncio.sleep(seconds * run.wait_scale)


async def _task(run: Run, state: State, effective: Any) -> Any:
    """Return the result of a Task or of a Parallel's branches, made up or real."""
    test = run.test
    given = data_flow.arguments(state, effective, test.scope)
    if run.is_path:
        run.show("afterParameters", given)
    elif state.parameters is not None:
        run.show("afterArguments", given)
    if test.mock is None:
        assert isinstance(state, TaskState)
        result = await run.call(state, given)
    else:
        result = _mocked(test)
    run.show("result", result)
    return result


def _map(run: Run, state: MapState, effective: Any) -> Any:
    """Return the made-up result of a Map, its items and limits noted."""
    test = run.test
    items: list[Any] = []
    if state.item_reader is None:
        items = data_flow.map_items(state, effective, test.scope)
        if run.is_path:
            run.show("afterItemsPath", items)
    elif "mapItemReaderData" in test.configuration:
        read = json.loads(test.configuration["mapItemReaderData"])
        items = read if isinstance(read, list) else []
    if state.item_selector is not None:
        selected = []
        for index, item in enumerate(items):
            scope = _scope_of(test, index, item)
            selected.append(data_flow.item_input(state, effective, scope, item, index))
        run.show("afterItemSelector", selected)
    limits = data_flow.map_limits(state, effective, test.scope)
    run.inspection["maxConcurrency"] = limits.max_concurrency
    if _has(state, "ToleratedFailureCount"):
        run.inspection["toleratedFailureCount"] = limits.tolerated_failure_count
    if _has(state, "ToleratedFailurePercentage"):
        run.inspection["toleratedFailurePercentage"] = limits.tolerated_failure_percentage
    result = _mocked(test)
    failures = test.configuration.get("mapIterationFailureCount", 0)
    if _exceeds(state, limits, failures, len(items)):
        raise StatesError(_EXCEEDED, _EXCEEDED_CAUSE)
    return result


def _scope_of(test: Test, index: int, item: Any) -> Scope:
    """Return the scope of one iteration of a Map, in which `$$.Map.Item` is one item."""
    context = {**test.scope.context, "Map": {"Item": {"Index": index, "Value": item}}}
    return Scope(context, test.scope.variables)


def _has(state: State, field_name: str) -> bool:
    return field_name in state.source or f"{field_name}Path" in state.source


def _exceeds(state: State, limits: MapLimits, failures: int, count: int) -> bool:
    by_count = _has(state, "ToleratedFailureCount") and failures > limits.tolerated_failure_count
    by_share = (
        _has(state, "ToleratedFailurePercentage")
        and count > 0
        and failures * 100 / count > limits.tolerated_failure_percentage
    )
    return by_count or by_share


def _mocked(test: Test) -> Any:
    mock = test.mock
    assert mock is not None
    if mock.error is not None:
        raise TaskFailed(mock.error, mock.cause)
    return mock.result


def _failed(run: Run, error: str, cause: str) -> dict[str, Any]:
    """Return the answer for an error: retried, caught, or the state's end."""
    state, test = run.state, run.test
    details: dict[str, Any] = {}
    retrier = data_flow.retrier_for(state, error, {})
    if retrier is not None:
        used = test.configuration.get("retrierRetryCount", 0)
        details["retryIndex"] = retrier.index
        run.inspection["errorDetails"] = details
        if used < retrier.max_attempts:
            pause = data_flow.retry_delay_seconds(retrier, used, 1.0)
            details["retryBackoffIntervalSeconds"] = int(pause)
            return _answer(run, "RETRIABLE", error=error, cause=cause)
    catcher = data_flow.catcher_for(state, error)
    if catcher is None:
        return _answer(run, "FAILED", error=error, cause=cause)
    details["catchIndex"] = catcher.index
    run.inspection["errorDetails"] = details
    try:
        finished = data_flow.caught(state, catcher, test.input, error, cause, test.scope)
    except StatesError as failure:
        cause = _PLACE.sub("", failure.cause)
        return _answer(run, "FAILED", error=failure.error, cause=cause)
    _show_variables(run, finished)
    return _answer(
        run,
        "CAUGHT_ERROR",
        error=error,
        cause=cause,
        output=text_of(finished.output),
        nextState=catcher.next,
    )
