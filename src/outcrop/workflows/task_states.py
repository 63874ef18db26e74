"""Task states: one attempt after another, each scheduled, started, perhaps submitted, and ended.

What is about to be called is on disk before it is called. A recovered attempt goes on from what it had recorded: a
call that may have been made is made again under the same idempotency key, a submitted one is waited for.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from outcrop.workflows import history
from outcrop.workflows.asl import data_flow
from outcrop.workflows.asl.data_flow import Finished
from outcrop.workflows.asl.errors import StatesError
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.asl.machine import Scope, TaskState
from outcrop.workflows.callbacks import ActivityTask, Callbacks, Pending
from outcrop.workflows.failures import TIMEOUT, StateFailed, cause_in, runtime_error
from outcrop.workflows.frames import Frame, Visit
from outcrop.workflows.history import Record
from outcrop.workflows.interpreter import Interpreter, check_text
from outcrop.workflows.tasks import Integrations, Scheduled, TaskCall, TaskFailed

_CALLBACK = ".waitForTaskToken"
_SYNC = (".sync", ".sync:2")
_PREFIX = {"task": "Task", "lambda": "LambdaFunction", "activity": "Activity"}


class TimedOut(Exception):
    """An attempt took longer than it may, or was silent for too long."""


@dataclass(slots=True)
class Attempt:
    """One attempt of a Task state.

    Attributes:
        event_id: of the event that scheduled it.
        deadline_us: when it is given up; None for never.
        submitted: what the call returned where the task goes on after it; None before.
        answer: what came for its token already.
    """

    scheduled: Scheduled
    call: TaskCall
    event_id: int
    deadline_us: int | None = None
    is_started: bool = False
    submitted: Any = None
    is_submitted: bool = False
    answer: tuple[Any, ...] | None = None

    @property
    def prefix(self) -> str:
        """What the attempt's events are called."""
        return _PREFIX[self.scheduled.kind]

    @property
    def named(self) -> dict[str, Any]:
        """What the details of its events begin with."""
        if self.scheduled.kind != "task":
            return {}
        return {
            "resourceType": self.scheduled.resource_type,
            "resource": self.scheduled.resource,
        }

    @property
    def owner(self) -> str:
        """How a cause names it."""
        kind = self.scheduled.kind
        return self.scheduled.resource_type if kind == "task" else self.scheduled.resource


class TaskStates:
    """Carries out Task states.

    Args:
        interpreter: whose timers are used.
        integrations: make the calls.
        callbacks: keep tasks that wait for their tokens.
        activity_exists: whether there is an activity of an ARN.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        integrations: Integrations,
        callbacks: Callbacks,
        *,
        activity_exists: Callable[[str], bool],
    ) -> None:
        self._timers = interpreter.timers
        self._integrations = integrations
        self._callbacks = callbacks
        self._activity_exists = activity_exists
        self._stopping: set[asyncio.Task[None]] = set()
        interpreter.handlers["Task"] = self.run

    async def run(self, frame: Frame, visit: Visit) -> Finished:
        """Make one attempt.

        Raises:
            StateFailed: it failed or timed out; the history says so.
            StatesError: its arguments or its result cannot be evaluated.
        """
        state = visit.state
        assert isinstance(state, TaskState)
        if state.resource.endswith(_CALLBACK):
            event_id = _scheduled_id(visit) or frame.execution.next_id
            visit.token = self._callbacks.token(frame.execution.id, event_id)
        scope = frame.scope(visit)
        effective = data_flow.effective_input(state, visit.raw, scope)
        attempt = self._resumed(frame, visit, state)
        if attempt is None:
            attempt = self._schedule(frame, visit, state, effective, scope)
        try:
            if attempt.scheduled.kind == "activity":
                text = await self._activity(frame, attempt)
            else:
                text = await self._call(frame, attempt)
            check_text(text, f"state/task '{attempt.owner}'")
            result = json.loads(text)
        except TaskFailed as failed:
            raise _failed(frame, attempt, failed) from failed
        except StatesError as error:
            raise _failed(frame, attempt, TaskFailed(error.error, error.cause)) from error
        except TimedOut:
            frame.emit(f"{attempt.prefix}TimedOut", {**attempt.named, "error": TIMEOUT})
            raise StateFailed(TIMEOUT, None, frame.previous) from None
        finally:
            visit.token = ""
        frame.emit(f"{attempt.prefix}Succeeded", {**attempt.named, "output": text})
        visit.result = (result, text)
        return data_flow.finish(state, visit.raw, effective, result, frame.scope(visit))

    def _schedule(
        self, frame: Frame, visit: Visit, state: TaskState, effective: Any, scope: Scope
    ) -> Attempt:
        execution = frame.execution
        given = data_flow.arguments(state, effective, scope)
        timeout, heartbeat = data_flow.limits_of(state, effective, scope)
        credentials = data_flow.credentials_of(state, effective, scope)
        region = execution.revision.region
        try:
            scheduled = self._integrations.describe(state.resource, given, region)
            if scheduled.kind == "activity" and not self._activity_exists(state.resource):
                raise runtime_error(f"The activity {state.resource} does not exist.")
        except StatesError as error:
            cause = cause_in(state.name, visit.entered_id, error.cause)
            raise StatesError(error.error, cause) from error
        details: dict[str, Any] = {}
        if scheduled.kind == "task":
            details["resourceType"] = scheduled.resource_type
            details["resource"] = scheduled.resource
            details["region"] = scheduled.region
            details["parameters"] = compact(scheduled.parameters)
        else:
            details["resource"] = scheduled.resource
            details["input"] = compact(scheduled.parameters)
        if timeout is not None:
            details["timeoutInSeconds"] = timeout
        if heartbeat is not None:
            details["heartbeatInSeconds"] = heartbeat
        if credentials:
            details["taskCredentials"] = {"roleArn": credentials["RoleArn"]}
        extra = None if scheduled.parameters is given else compact(given)
        event_id = frame.emit(f"{_PREFIX[scheduled.kind]}Scheduled", details, extra)
        call = self._call_of(frame, visit, event_id, given, details)
        return Attempt(scheduled, call, event_id)

    def _resumed(self, frame: Frame, visit: Visit, state: TaskState) -> Attempt | None:
        """Return the attempt that a recovered visit was in, None where it had scheduled nothing."""
        records, visit.attempt = visit.attempt, []
        begun: Record | None = None
        for record in records:
            if record[history.TYPE].endswith("Scheduled"):
                begun = record
        if begun is None:
            return None
        details, extra = begun[history.DETAILS], begun[history.EXTRA]
        text = details.get("parameters", details.get("input"))
        given = json.loads(extra if extra is not None else text)
        region = frame.execution.revision.region
        scheduled = self._integrations.describe(state.resource, given, region)
        call = self._call_of(frame, visit, begun[history.ID], given, details)
        attempt = Attempt(scheduled, call, begun[history.ID])
        for record in records:
            kind = record[history.TYPE]
            if kind.endswith("Started"):
                attempt.is_started = True
                attempt.deadline_us = _deadline(call.timeout_seconds, record[history.MOMENT])
            elif kind.endswith("Submitted"):
                attempt.is_submitted = True
                attempt.submitted = json.loads(record[history.DETAILS]["output"])
            elif kind == history.CALLBACK_NOTE:
                attempt.answer = tuple(record[history.EXTRA])
        return attempt

    def _call_of(
        self, frame: Frame, visit: Visit, event_id: int, given: Any, details: dict[str, Any]
    ) -> TaskCall:
        execution, revision = frame.execution, frame.execution.revision
        state = visit.state
        assert isinstance(state, TaskState)
        credentials = details.get("taskCredentials") or {}
        return TaskCall(
            resource=state.resource,
            arguments=given,
            region=revision.region,
            account_id=revision.account_id,
            role_arn=credentials.get("roleArn", revision.role_arn),
            machine_role_arn=revision.role_arn,
            execution_arn=execution.arn,
            state_machine_arn=revision.arn,
            state_name=state.name,
            event_id=event_id,
            task_token=visit.token,
            timeout_seconds=details.get("timeoutInSeconds"),
            heartbeat_seconds=details.get("heartbeatInSeconds"),
        )

    async def _call(self, frame: Frame, attempt: Attempt) -> str:
        """Carry out a call and return its result as text."""
        call, execution = attempt.call, frame.execution
        if not attempt.is_started:
            # Branches that schedule at once are all recorded as scheduled before the first starts.
            await asyncio.sleep(0)
            frame.emit(f"{attempt.prefix}Started", attempt.named or None)
            attempt.deadline_us = _deadline(call.timeout_seconds, execution.now_us())
            await execution.appender.committed()
        is_callback = call.resource.endswith(_CALLBACK)
        pending = self._expect(frame, attempt) if is_callback else None
        try:
            if not attempt.is_submitted:
                result = await self._within(self._integrations.start(call), attempt)
                text = compact(result)
                if not is_callback and not call.resource.endswith(_SYNC):
                    return text
                check_text(text, f"state/task '{attempt.owner}'")
                frame.emit("TaskSubmitted", {**attempt.named, "output": text})
                attempt.submitted, attempt.is_submitted = result, True
                await execution.appender.committed()
            if pending is not None:
                return await self._answer(attempt, pending)
            return compact(
                await self._within(self._integrations.wait(call, attempt.submitted), attempt)
            )
        except (asyncio.CancelledError, TimedOut):
            if attempt.is_submitted and pending is None and not execution.is_closing:
                self._stop_later(call, attempt.submitted)
            raise
        finally:
            if pending is not None:
                self._callbacks.forget(execution.id, attempt.event_id)

    async def _activity(self, frame: Frame, attempt: Attempt) -> str:
        """Offer a task to an activity's workers and return the output that one sends."""
        execution = frame.execution
        pending = self._expect(frame, attempt)
        # The time of an activity's task runs from when it is scheduled, waiting for a worker included.
        attempt.deadline_us = _deadline(attempt.call.timeout_seconds, execution.now_us())
        try:
            if not attempt.is_started:
                await execution.appender.committed()
                await self._offer(frame, attempt)
            return await self._answer(attempt, pending)
        finally:
            self._callbacks.forget(execution.id, attempt.event_id)

    async def _offer(self, frame: Frame, attempt: Attempt) -> None:
        execution, arn = frame.execution, attempt.call.resource
        token = self._callbacks.token(execution.id, attempt.event_id)
        offered: ActivityTask = self._callbacks.offer(arn, token, compact(attempt.call.arguments))
        try:
            worker = await self._within(_value_of(offered.taken), attempt)
        except (asyncio.CancelledError, TimedOut):
            self._callbacks.withdraw(arn, offered)
            raise
        frame.emit("ActivityStarted", {"workerName": worker} if worker else {})
        await execution.appender.committed()
        if not offered.recorded.done():
            offered.recorded.set_result(None)

    def _expect(self, frame: Frame, attempt: Attempt) -> Pending:
        execution, key = frame.execution, frame.key
        pending = self._callbacks.expect(execution.id, attempt.event_id)
        if attempt.answer is not None:
            pending.answer.set_result(attempt.answer)
        pending.note = lambda answer: execution.note(history.CALLBACK_NOTE, key, list(answer))
        return pending

    async def _answer(self, attempt: Attempt, pending: Pending) -> str:
        """Return the output that comes for a token.

        Raises:
            TaskFailed: an error came.
            TimedOut: nothing came in time, or no sign of life.
        """
        silence = attempt.call.heartbeat_seconds
        waiting = asyncio.ensure_future(_first_of(pending))
        try:
            while True:
                limit = attempt.deadline_us
                if silence is not None:
                    quiet_until = self._timers.now_us() + silence * 1_000_000
                    limit = quiet_until if limit is None else min(limit, quiet_until)
                await self._until(waiting, limit)
                if pending.answer.done():
                    break
                pending.heartbeat.clear()
                waiting = asyncio.ensure_future(_first_of(pending))
        finally:
            waiting.cancel()
        answer = pending.answer.result()
        if answer[0]:
            return str(answer[1])
        raise TaskFailed(answer[1], answer[2])

    async def _within(self, work: Awaitable[Any], attempt: Attempt) -> Any:
        """Return what a piece of work returns.

        Raises:
            TimedOut: the attempt's time is over.
        """
        if attempt.deadline_us is None:
            return await work
        task = asyncio.ensure_future(work)
        try:
            await self._until(task, attempt.deadline_us)
            return task.result()
        finally:
            task.cancel()

    async def _until(self, work: "asyncio.Future[Any]", moment_us: int | None) -> None:
        """Return when work is done.

        Raises:
            TimedOut: a moment came before.
        """
        if moment_us is None:
            await asyncio.wait({work})
            return
        alarm = asyncio.ensure_future(self._timers.sleep_until(moment_us))
        try:
            await asyncio.wait({work, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
        if not work.done():
            raise TimedOut

    def _stop_later(self, call: TaskCall, submitted: Any) -> None:
        task = asyncio.ensure_future(self._integrations.stop(call, submitted))
        self._stopping.add(task)
        task.add_done_callback(self._stopped)

    def _stopped(self, task: "asyncio.Task[None]") -> None:
        self._stopping.discard(task)
        if not task.cancelled():
            task.exception()  # it was a best effort


async def _value_of(future: "asyncio.Future[Any]") -> Any:
    return await future


async def _first_of(pending: Pending) -> None:
    beat: asyncio.Future[Any] = asyncio.ensure_future(pending.heartbeat.wait())
    try:
        both: set[asyncio.Future[Any]] = {pending.answer, beat}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        beat.cancel()


def _deadline(seconds: int | None, moment_us: int) -> int | None:
    return None if seconds is None else moment_us + seconds * 1_000_000


def _scheduled_id(visit: Visit) -> int:
    for record in reversed(visit.attempt):
        if record[history.TYPE].endswith("Scheduled"):
            event_id: int = record[history.ID]
            return event_id
    return 0


def _failed(frame: Frame, attempt: Attempt, failed: TaskFailed) -> StateFailed:
    """Append how an attempt failed."""
    suffix = {"start": "StartFailed", "submit": "SubmitFailed", "task": "Failed"}[failed.at]
    if attempt.scheduled.kind != "task":
        suffix = "Failed"
    details = dict(attempt.named)
    if failed.error is not None:
        details["error"] = failed.error
    if failed.cause is not None:
        details["cause"] = failed.cause
    frame.emit(f"{attempt.prefix}{suffix}", details)
    return StateFailed(failed.error, failed.cause, frame.previous)
