"""Task tokens and activities: tasks that somebody outside ends.

A token is the execution and the event that scheduled the attempt, sealed: nothing has to be kept for it, and nobody
can make one up.
"""

import asyncio
import base64
import binascii
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from outcrop.core.errors import SealBroken
from outcrop.storage.executions.rows import SERVICE
from outcrop.storage.service_keys import ServiceKeys

_CONTEXT = b"task token"
TokenKey = tuple[int, int]  # execution id, event id


@dataclass(slots=True)
class Pending:
    """A task that waits for its token.

    Attributes:
        answer: (True, output text) or (False, error, cause).
        heartbeat: set when it is said to be alive.
        note: appends an answer to the journal; called once, before the answer is acknowledged.
    """

    answer: "asyncio.Future[tuple[Any, ...]]"
    heartbeat: asyncio.Event = field(default_factory=asyncio.Event)
    note: Any = None


@dataclass(slots=True)
class ActivityTask:
    """An activity's task that waits for a worker.

    Attributes:
        taken: done with the worker's name (or None) once one has it.
        recorded: done when ActivityStarted is on disk.
    """

    token: str
    input: str
    taken: "asyncio.Future[str | None]"
    recorded: "asyncio.Future[None]"


class Callbacks:
    """The tasks that wait, by token and by activity.

    Args:
        keys: seal tokens.
    """

    def __init__(self, keys: ServiceKeys) -> None:
        self._keys = keys
        self._pending: dict[TokenKey, Pending] = {}
        self._queues: dict[str, deque[ActivityTask]] = {}
        self._workers: dict[str, asyncio.Event] = {}

    def token(self, execution_id: int, event_id: int) -> str:
        """Return a token of an attempt."""
        sealed = self._keys.seal(SERVICE, f"{execution_id}:{event_id}".encode(), _CONTEXT)
        return base64.b64encode(sealed).decode()

    def opened(self, token: str) -> TokenKey | None:
        """Return whose token it is, or None where this server made no such token."""
        try:
            sealed = base64.b64decode(token.encode(), validate=True)
            opened = self._keys.open(SERVICE, sealed, _CONTEXT).decode()
        except (binascii.Error, SealBroken, UnicodeError):
            return None
        execution_id, _colon, event_id = opened.partition(":")
        return int(execution_id), int(event_id)

    def expect(self, execution_id: int, event_id: int) -> Pending:
        """Let an attempt wait for its token."""
        pending = Pending(asyncio.get_running_loop().create_future())
        self._pending[execution_id, event_id] = pending
        return pending

    def forget(self, execution_id: int, event_id: int) -> None:
        """Let an attempt wait no longer."""
        self._pending.pop((execution_id, event_id), None)

    def find(self, key: TokenKey) -> Pending | None:
        """Return the task that a token is of, if it still waits."""
        pending = self._pending.get(key)
        return None if pending is None or pending.answer.done() else pending

    def offer(self, activity_arn: str, token: str, text: str) -> ActivityTask:
        """Queue a task of an activity for its workers."""
        loop = asyncio.get_running_loop()
        task = ActivityTask(token, text, loop.create_future(), loop.create_future())
        self._queues.setdefault(activity_arn, deque()).append(task)
        if (event := self._workers.get(activity_arn)) is not None:
            event.set()
        return task

    def withdraw(self, activity_arn: str, task: ActivityTask) -> None:
        """Take a task out of its queue; nobody had it."""
        queue = self._queues.get(activity_arn)
        if queue is not None and task in queue:
            queue.remove(task)

    async def take(
        self, activity_arn: str, worker_name: str | None, wait_seconds: float
    ) -> ActivityTask | None:
        """Return the oldest task of an activity once there is one, None after a while without."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        while True:
            queue = self._queues.get(activity_arn)
            while queue:
                task = queue.popleft()
                if not task.taken.done():
                    task.taken.set_result(worker_name)
                    await task.recorded
                    return task
            event = self._workers.setdefault(activity_arn, asyncio.Event())
            event.clear()
            left = deadline - loop.time()
            if left <= 0:
                return None
            try:
                await asyncio.wait_for(event.wait(), left)
            except TimeoutError:
                return None
