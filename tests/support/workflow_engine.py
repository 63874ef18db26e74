"""Executions on a database of their own, with integrations that tests play and time that they move."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from outcrop.core.clock import SystemClock
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import upgrade
from outcrop.storage.service_keys import ServiceKeys
from outcrop.workflows.asl.errors import StatesError
from outcrop.workflows.executions import Executions
from outcrop.workflows.revisions import ExecutionRecord, MachineRevision, StartRequest
from outcrop.workflows.tasks import Scheduled, TaskCall, TaskFailed
from outcrop.workflows.timers import SystemTimers

MACHINE_ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:tested"
ROLE_ARN = "arn:aws:iam::123456789012:role/tested"
LIMIT_SECONDS = 60.0
Play = Callable[[TaskCall], Any]


class PlainSource:
    """A root of trust that wraps nothing."""

    name = "plain"

    def wrap(self, plain: bytes, _context: bytes) -> bytes:
        return plain

    def unwrap(self, wrapped: bytes, _context: bytes) -> bytes:
        return wrapped


class PlayedIntegrations:
    """Calls that are played by functions of the call.

    Attributes:
        plays: action (the resource's last part, without its pattern) → what answers; it may be a coroutine function.
        waits: the same for what a .sync call waits for.
        calls: every call of `start`, in order.
        stopped: every call of `stop`.
    """

    def __init__(self) -> None:
        self.plays: dict[str, Play] = {}
        self.waits: dict[str, Play] = {}
        self.calls: list[TaskCall] = []
        self.stopped: list[TaskCall] = []

    def describe(self, resource: str, arguments: Any, region: str) -> Scheduled:
        parts = resource.split(":")
        if parts[2] == "lambda":
            return Scheduled("lambda", "lambda", resource, region, arguments)
        if parts[5] == "activity":
            return Scheduled("activity", "activity", resource, region, arguments)
        if parts[5] == "unknown":
            raise StatesError("States.Runtime", f"The resource provided {resource} is not known.")
        return Scheduled("task", ":".join(parts[5:-1]), parts[-1], region, arguments)

    async def start(self, call: TaskCall) -> Any:
        self.calls.append(call)
        return await self._play(self.plays, call)

    async def wait(self, call: TaskCall, submitted: Any) -> Any:
        assert submitted is not None
        return await self._play(self.waits, call)

    async def stop(self, call: TaskCall, _submitted: Any) -> None:
        self.stopped.append(call)

    async def _play(self, plays: Mapping[str, Play], call: TaskCall) -> Any:
        action = call.resource.split(":sync")[0].split(":")[-1].split(".")[0]
        play = plays.get(action)
        if play is None:
            return call.arguments
        result = play(call)
        return await result if isinstance(result, Awaitable) else result


class MovableTimers(SystemTimers):
    """Time that stands where a test put it, and wakes who waits when it is moved."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.moment_us = super().now_us()
        self._moved = asyncio.Event()

    def now_us(self) -> int:
        return self.moment_us

    async def sleep_until(self, moment_us: int) -> None:
        while self.moment_us < moment_us:
            await self._moved.wait()

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.moment_us += round(seconds * 1_000_000)
        self._moved.set()
        self._moved = asyncio.Event()


class EngineRoom:
    """Executions over the database of a folder; several in a row are the lives of one server."""

    def __init__(self, folder: Path, *, timers: Any = None, wait_scale: float = 1.0) -> None:
        self.path = folder / "outcrop.db"
        is_new = not self.path.exists()
        self.database = Database.at(self.path)
        if is_new:
            upgrade(self.database)
        self.integrations = PlayedIntegrations()
        self.executions = Executions(
            self.database,
            ServiceKeys(self.database, PlainSource()),
            SystemClock(),
            timers=timers,
            wait_scale=wait_scale,
        )
        self.executions.attach(self.integrations)

    async def start(
        self,
        definition: Mapping[str, Any],
        value: Any = None,
        *,
        name: str = "",
        machine_type: Any = "STANDARD",
        arn: str = MACHINE_ARN,
    ) -> str:
        """Start a machine and return its execution's ARN."""
        revision = revision_of(definition, machine_type=machine_type, arn=arn)
        request = StartRequest(revision, name, json.dumps({} if value is None else value))
        return (await self.executions.start(request)).arn

    async def end(self, arn: str) -> ExecutionRecord:
        """Wait for an execution's end and return it."""
        async with asyncio.timeout(LIMIT_SECONDS):
            await self.executions.ended(arn)
        return self.executions.describe(arn)

    async def run(self, definition: Mapping[str, Any], value: Any = None) -> ExecutionRecord:
        """Run a machine to its end."""
        return await self.end(await self.start(definition, value))

    async def events(self, arn: str) -> list[dict[str, Any]]:
        """Return an execution's whole history."""
        found: list[dict[str, Any]] = []
        start: int | None = 1
        while start is not None:
            page = await self.executions.history(arn, start=start, limit=1000)
            found.extend(page.events)
            start = page.following
        return found

    async def types(self, arn: str) -> list[str]:
        """Return the types of an execution's events."""
        return [event["type"] for event in await self.events(arn)]

    async def until(self, reached: Callable[[], Any]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while not reached():  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.002)

    async def crash(self) -> None:
        """End this life without another word: what is not on disk is lost."""
        engine = self.executions.engine
        for execution in list(engine.active.values()):
            execution.is_closing = True
            if execution.root is not None:
                execution.root.stop_tasks()
            if execution.task is not None:
                execution.task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await execution.task
        engine.journal._group = type(engine.journal._group)()
        await engine.journal.close()
        self.database.close()

    async def close(self) -> None:
        """End this life as an operator would."""
        await self.executions.close()
        self.database.close()


def revision_of(
    definition: Mapping[str, Any], *, machine_type: Any = "STANDARD", arn: str = MACHINE_ARN
) -> MachineRevision:
    """Return a machine's revision."""
    return MachineRevision(
        arn=arn,
        name=arn.rpartition(":")[2],
        type=machine_type,
        definition=json.dumps(definition),
        role_arn=ROLE_ARN,
    )


def fails(error: str, cause: str) -> Play:
    """Return a play that fails."""

    def play(_call: TaskCall) -> Any:
        raise TaskFailed(error, cause)

    return play
