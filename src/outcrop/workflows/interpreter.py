"""The interpreter: takes a frame from state to state.

Between two awaits everything is appended atomically (see the journal), so a recovered frame is always found inside a
state, at one of that state's waiting points, or at its end. What a state does after each is in the module of its type.
"""

import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

from outcrop.workflows import history
from outcrop.workflows.asl import data_flow
from outcrop.workflows.asl.data_flow import Chosen, Finished
from outcrop.workflows.asl.errors import StatesError
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.asl.machine import (
    ChoiceState,
    FailState,
    PassState,
    State,
    SucceedState,
    WaitState,
)
from outcrop.workflows.failures import StateFailed, cause_in
from outcrop.workflows.frames import Frame, Past, Visit
from outcrop.workflows.timers import Slices, Timers, parse_timestamp

Output = tuple[Any, str]  # a value, and its JSON text
Handler = Callable[[Frame, Visit], Awaitable[Finished | Chosen]]
_DATA_LIMIT_BYTES = 262_144
_DATA_LIMIT = "States.DataLimitExceeded"
_SYNCHRONOUS = frozenset({"Pass", "Succeed", "Choice"})


class Interpreter:
    """Runs frames.

    Args:
        timers: the time.
        slices: shares the event loop.
        wait_scale: what Wait states' times are multiplied by.

    Attributes:
        handlers: state type → what carries out a visit; filled by the modules of Task, Parallel and Map.
    """

    def __init__(self, timers: Timers, slices: Slices, wait_scale: float) -> None:
        self.timers = timers
        self.slices = slices
        self.wait_scale = wait_scale
        self.handlers: dict[str, Handler] = {"Wait": self._wait, "Fail": self._fail}

    async def run(self, frame: Frame, raw: Any, text: str, past: Past | None = None) -> Output:
        """Run a frame to its end and return its output.

        Args:
            frame: new, or as it is found in the journal.
            raw: input of the first state; text is the same as JSON.
            past: what the journal says of the frame.

        Raises:
            StateFailed: a state failed and nothing caught it.
        """
        state: State | None = frame.machine.states[frame.machine.start_at]
        visit: Visit | None = None
        if past is not None and past.is_started:
            if past.failed is not None:
                error, cause = past.failed
                if past.entered is not None:
                    frame.visit = _resumed(frame, past)
                raise StateFailed(error, cause, past.previous)
            frame.previous = past.previous or frame.previous
            frame.variables.update(past.variables)
            if past.entered is not None:
                visit = _resumed(frame, past)
                state = visit.state
            elif past.exited is not None:
                text = past.exited[history.DETAILS]["output"]
                raw = _parsed(text)
                following = past.exited[history.EXTRA]
                state = frame.machine.states[following] if following else None
        while state is not None:
            if visit is None:
                if self.slices.is_over:
                    await self.slices.pause()
                visit = self._enter(frame, state, raw, text)
            raw, text, following = await self._visit(frame, visit)
            visit = frame.visit = None
            state = frame.machine.states[following] if following else None
        return raw, text

    def _enter(self, frame: Frame, state: State, raw: Any, text: str) -> Visit:
        details = {"name": state.name, "input": text}
        before = frame.previous
        entered = frame.emit(history.ENTERED[state.type], details)
        visit = Visit(state, raw, text, entered, frame.execution.now_us(), before_id=before)
        frame.visit = visit
        return visit

    async def _visit(self, frame: Frame, visit: Visit) -> tuple[Any, str, str | None]:
        state = visit.state
        while True:
            try:
                if visit.retry_until_us is not None:
                    await self.timers.sleep_until(visit.retry_until_us)
                    visit.retry_until_us = None
                finished = (
                    self._at_once(frame, visit)
                    if state.type in _SYNCHRONOUS
                    else await self.handlers[state.type](frame, visit)
                )
                following = finished.next if isinstance(finished, Chosen) else state.next
                return self._exit(frame, visit, finished, following)
            except StatesError as error:
                failure = failure_from(frame, visit, error)
            except StateFailed as error:
                failure = error
            frame.previous = failure.previous
            if self._retries(frame, visit, failure):
                continue
            return self._fail_or_catch(frame, visit, failure)

    def _at_once(self, frame: Frame, visit: Visit) -> Finished | Chosen:
        """Carry out a state that only computes."""
        state, scope = visit.state, frame.scope(visit)
        if isinstance(state, ChoiceState):
            return data_flow.choose(state, visit.raw, scope)
        assert isinstance(state, (PassState, SucceedState))
        return data_flow.pass_through(state, visit.raw, scope)

    def _exit(
        self, frame: Frame, visit: Visit, finished: Finished | Chosen, following: str | None
    ) -> tuple[Any, str, str | None]:
        state, output = visit.state, finished.output
        # AWS hands on the very text that it was given where a state changes nothing, spaces included.
        if output is visit.raw:
            text = visit.text
        elif visit.result is not None and output is visit.result[0]:
            text = visit.result[1]
        else:
            text = compact(output)
        check_text(text, f"state/task '{state.name}'")
        details: dict[str, Any] = {"name": state.name, "output": text}
        if finished.assigned:
            details["assignedVariables"] = {
                name: compact(value) for name, value in finished.assigned.items()
            }
        frame.emit(history.EXITED[state.type], details, following)
        if finished.assigned:
            frame.variables = {**frame.variables, **finished.assigned}
        return output, text, following

    def _retries(self, frame: Frame, visit: Visit, failure: StateFailed) -> bool:
        state = visit.state
        if not state.retriers or failure.error is None:
            return False
        retrier = data_flow.retrier_for(state, failure.error, visit.counts)
        if retrier is None:
            return False
        used = visit.counts.get(retrier.index, 0)
        drawn = random.random()  # noqa: S311 - jitter is no secret
        pause = data_flow.retry_delay_seconds(retrier, used, drawn)
        visit.counts[retrier.index] = used + 1
        visit.retry_count += 1
        visit.retry_until_us = self.timers.now_us() + round(pause * 1e6)
        visit.attempt, visit.has_started = [], False
        extra = [retrier.index, visit.retry_until_us, failure.previous]
        frame.execution.note(history.RETRY_NOTE, frame.key, extra)
        return True

    def _fail_or_catch(
        self, frame: Frame, visit: Visit, failure: StateFailed
    ) -> tuple[Any, str, str | None]:
        state = visit.state
        error, cause = failure.error, failure.cause
        if visit.has_started:
            frame.emit(f"{state.type}StateFailed")
        catcher = data_flow.catcher_for(state, error) if error and state.catchers else None
        if catcher is None or error is None:
            raise StateFailed(error, cause, frame.previous)
        scope = frame.scope(visit)
        try:
            finished = data_flow.caught(state, catcher, visit.raw, error, cause or "", scope)
            return self._exit(frame, visit, finished, catcher.next)
        except StatesError as again:
            raise failure_from(frame, visit, again) from again

    async def _wait(self, frame: Frame, visit: Visit) -> Finished:
        state, scope = visit.state, frame.scope(visit)
        assert isinstance(state, WaitState)
        effective = data_flow.effective_input(state, visit.raw, scope)
        wait = data_flow.wait_of(state, effective, scope)
        if wait.timestamp is not None:
            length_us = max(0, parse_timestamp(wait.timestamp) - visit.entered_us)
        else:
            length_us = round((wait.seconds or 0) * 1_000_000)
        await self.timers.sleep_until(visit.entered_us + round(length_us * self.wait_scale))
        return data_flow.finish(state, visit.raw, effective, effective, scope)

    async def _fail(self, frame: Frame, visit: Visit) -> Finished:
        state, scope = visit.state, frame.scope(visit)
        assert isinstance(state, FailState)
        effective = data_flow.effective_input(state, visit.raw, scope)
        error, cause = data_flow.failure_of(state, effective, scope)
        raise StateFailed(error, cause, frame.previous)


def check_text(text: str, owner: str) -> None:
    """Refuse data above the limit.

    Raises:
        StatesError: States.DataLimitExceeded.
    """
    if len(text) * 4 > _DATA_LIMIT_BYTES and len(text.encode()) > _DATA_LIMIT_BYTES:
        raise StatesError(
            _DATA_LIMIT,
            f"The {owner} returned a result with a size exceeding the maximum number of bytes service limit.",
        )


def failure_from(frame: Frame, visit: Visit, error: StatesError) -> StateFailed:
    """Return a failure of the language as one of the state, its event appended where it has one."""
    cause = cause_in(visit.state.name, visit.entered_id, error.cause)
    if error.error == _DATA_LIMIT:
        cause = error.cause
    if error.is_evaluation:
        details = {"error": error.error, "cause": cause}
        if error.location:
            details["location"] = error.location
        details["state"] = error.state or visit.state.name
        if frame.previous == visit.entered_id:
            # AWS refers to what came before the state where it has come no further.
            frame.previous = visit.before_id
        frame.emit("EvaluationFailed", details)
    return StateFailed(error.error, cause, frame.previous)


def _resumed(frame: Frame, past: Past) -> Visit:
    """Return the visit that a frame was in."""
    assert past.entered is not None
    details = past.entered[history.DETAILS]
    visit = Visit(
        frame.machine.states[details["name"]],
        _parsed(details["input"]),
        details["input"],
        past.entered[history.ID],
        past.entered[history.MOMENT],
        counts=dict(past.counts),
        attempt=list(past.attempt),
        retry_until_us=past.retry_until_us,
        retry_count=sum(past.counts.values()),
        before_id=past.entered[history.PREVIOUS],
    )
    frame.visit = visit
    return visit


def _parsed(text: str) -> Any:
    return json.loads(text)
