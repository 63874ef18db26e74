"""Which process takes which event: warm ones first, new ones where events wait, idle ones ended in time."""

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from outcrop.functions.code import FunctionCode, FunctionNotStarted
from outcrop.functions.environment import Environment, State
from outcrop.functions.jobs import FailedStart
from outcrop.functions.surroundings import Surroundings

_INIT_SECONDS = (
    10.0  # Lambda: what the init phase may take before it counts as part of the invocation
)
_WATCH_SECONDS = 0.05
_IDLE_WATCH_SECONDS = 0.5

Taken = Environment | FailedStart
Credentials = Callable[[FunctionCode], Mapping[str, str]]


@dataclass(slots=True)
class _Version:
    """The processes of one version of a function, and who waits for one."""

    code: FunctionCode
    idle: list[Environment] = field(default_factory=list)
    all: set[Environment] = field(default_factory=set)
    waiting: deque[asyncio.Future[Taken]] = field(default_factory=deque)
    starting: int = 0


class Pool:
    """All processes of a host.

    Args:
        surroundings: makes them alike.
        credentials: of a function's role.
        handler_of: what to run of a function.
        most_processes: that may live at once.
        idle_seconds: after which an unused one is ended.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        credentials: Credentials,
        handler_of: Callable[[FunctionCode], str],
        most_processes: int,
        idle_seconds: float,
    ) -> None:
        self._surroundings = surroundings
        self._credentials = credentials
        self._handler_of = handler_of
        self._most_processes = most_processes
        self._idle_seconds = idle_seconds
        self._versions: dict[tuple[str, str], _Version] = {}
        self._at_once = asyncio.Semaphore(max(2, os.cpu_count() or 2))
        self._tasks: set[asyncio.Task[None]] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._is_closed = False

    async def take(self, code: FunctionCode) -> Taken:
        """Return a process that is ready for an event, or why the one started for it never got ready.

        Raises:
            FunctionNotStarted: no fault of the function's.
        """
        version = self._version(code)
        now = datetime.now(UTC)
        while version.idle:
            environment = version.idle.pop()  # the one used last, so that others can be retired
            if environment.is_usable(now):
                return environment
            environment.stop()
        waiter: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        version.waiting.append(waiter)
        self._grow(version)
        return await waiter

    def retire(self, arn: str, version: str | None = None) -> None:
        """End a function's processes, or one version's; those that are busy end afterwards."""
        for key, found in list(self._versions.items()):
            if key[0] == arn and version in {None, key[1]}:
                _retire(found)
                if not found.all and not found.waiting and not found.starting:
                    del self._versions[key]

    async def close(self) -> None:
        """Take nothing more, and end every process."""
        self._is_closed = True
        if self._watcher is not None:
            self._watcher.cancel()
        for task in list(self._tasks):
            task.cancel()
        for version in self._versions.values():
            while version.waiting:
                waiter = version.waiting.popleft()
                if not waiter.done():
                    waiter.set_exception(FunctionNotStarted("The server is stopping."))
            for environment in list(version.all):
                environment.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def size(self) -> int:
        """How many processes live or are being started."""
        return sum(len(version.all) for version in self._versions.values())

    def processes(self) -> list[Environment]:
        """Return those that live."""
        return [item for version in self._versions.values() for item in version.all]

    def _version(self, code: FunctionCode) -> _Version:
        version = self._versions.get(code.key)
        if version is None:
            version = self._versions[code.key] = _Version(code)
        elif version.code.revision != code.revision:
            _retire(version)
        version.code = code
        return version

    def _grow(self, version: _Version) -> None:
        """Start processes for events that wait, as far as there is room."""
        while version.starting < len(version.waiting) and not self._is_closed:
            if self.size + self._starting() >= self._most_processes and not self._make_room():
                return
            version.starting += 1
            self._spawn(self._start(version))

    def _starting(self) -> int:
        """How many starts are asked for and have no process yet."""
        return sum(
            version.starting - sum(item.state is State.STARTING for item in version.all)
            for version in self._versions.values()
        )

    def _make_room(self) -> bool:
        """End the process that has been idle longest, of whichever function; return whether there was one."""
        idle = [item for version in self._versions.values() for item in version.idle]
        if not idle:
            return False
        oldest = min(idle, key=lambda item: item.idle_since)
        version = self._versions[oldest.code.key]
        version.idle.remove(oldest)
        version.all.discard(oldest)
        oldest.stop()
        return True

    async def _start(self, version: _Version) -> None:
        taken: Taken | None = None
        error: BaseException | None = None
        try:
            async with self._at_once:
                # Processes that got free meanwhile may have taken the events this start was for.
                if version.starting > len(version.waiting):
                    return
                taken = await self._start_one(version)
        except FunctionNotStarted as refused:
            error = refused
        except Exception as unexpected:  # noqa: BLE001  # whoever waits must hear of it
            error = unexpected
        finally:
            version.starting -= 1
        if isinstance(taken, Environment):
            self._offer(taken)
            return
        waiter = _next_waiter(version)
        if waiter is not None and error is not None:
            waiter.set_exception(error)
        elif waiter is not None and taken is not None:
            waiter.set_result(taken)
        self._grow(version)

    async def _start_one(self, version: _Version) -> Taken:
        code = version.code
        handler = self._handler_of(code)
        credentials = await asyncio.to_thread(self._credentials, code)
        environment = self._new(version, code)
        failed = await environment.start(handler, credentials, _INIT_SECONDS)
        if failed is not None and failed.status == "timeout":
            # The init phase is begun again as part of the invocation, and has the function's own time.
            environment = self._new(version, code)
            failed = await environment.start(handler, credentials, code.timeout_seconds)
        return environment if failed is None else failed

    def _new(self, version: _Version, code: FunctionCode) -> Environment:
        environment = Environment(code, self._surroundings, self._offer, self._ended)
        version.all.add(environment)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.get_running_loop().create_task(self._watch())
        return environment

    def _offer(self, environment: Environment) -> None:
        """Give a process that is ready to whoever waits longest, or keep it."""
        version = self._versions.get(environment.code.key)
        if version is None or environment.is_stale or self._is_closed:
            environment.stop()
            return
        usable = environment.is_usable(datetime.now(UTC))
        waiter = _next_waiter(version) if usable else None
        if waiter is not None:
            waiter.set_result(environment)
        elif not usable or self._someone_else_waits(version):
            environment.stop()
        else:
            version.idle.append(environment)

    def _someone_else_waits(self, version: _Version) -> bool:
        return self.size >= self._most_processes and any(
            other.waiting and other.starting < len(other.waiting)
            for other in self._versions.values()
            if other is not version
        )

    def _ended(self, environment: Environment) -> None:
        version = self._versions.get(environment.code.key)
        if version is not None:
            version.all.discard(environment)
            with suppress(ValueError):
                version.idle.remove(environment)
        if self._is_closed:
            return
        for waiting in list(self._versions.values()):
            if waiting.waiting:
                self._grow(waiting)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self) -> None:
        """Look after every process while there are any: what it uses, and how long it has been idle."""
        loop = asyncio.get_running_loop()
        last_idle_look = 0.0
        while any(version.all or version.starting for version in self._versions.values()):
            now = loop.time()
            looks_at_idle = now - last_idle_look >= _IDLE_WATCH_SECONDS
            if looks_at_idle:
                last_idle_look = now
            is_busy = False
            for environment in self.processes():
                if environment.state in {State.BUSY, State.STARTING, State.FINISHING}:
                    is_busy = True
                    environment.watch()
                elif looks_at_idle:
                    environment.watch()
                    if now - environment.idle_since > self._idle_seconds:
                        self._retire_idle(environment)
            await asyncio.sleep(_WATCH_SECONDS if is_busy else _WATCH_SECONDS * 2)

    def _retire_idle(self, environment: Environment) -> None:
        version = self._versions.get(environment.code.key)
        # Only one that nobody has been given since.
        if version is not None and environment in version.idle:
            version.idle.remove(environment)
            environment.stop()


def _retire(version: _Version) -> None:
    for environment in list(version.all):
        environment.is_stale = True
    idle, version.idle = version.idle, []
    for environment in idle:
        environment.stop()


def _next_waiter(version: _Version) -> asyncio.Future[Taken] | None:
    while version.waiting:
        waiter = version.waiting.popleft()
        if not waiter.done():
            return waiter
    return None
