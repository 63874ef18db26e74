"""Which integration a Task's Resource means."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from outcrop.storage.database.engine import Database
from outcrop.workflows.integrations.calls import Calls

if TYPE_CHECKING:
    from outcrop.workflows.tasks import Scheduled, TaskCall


class ServiceIntegrations:
    """Implements `workflows.tasks.Integrations` over Invoke."""

    def __init__(
        self,
        calls: Calls,
        database: Database,
        *,
        execution_ended: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._calls = calls
        self._database = database
        self._execution_ended = execution_ended

    def describe(self, resource: str, arguments: Any, region: str) -> "Scheduled":
        """Return what the history says of a task that is scheduled.

        Raises:
            StatesError: there is no such integration.
        """
        raise NotImplementedError

    async def start(self, call: "TaskCall") -> Any:
        """Make the call; return its result, or for .sync and .waitForTaskToken what was submitted.

        Raises:
            TaskFailed: the call was refused or failed.
        """
        raise NotImplementedError

    async def wait(self, call: "TaskCall", submitted: Any) -> Any:
        """Wait for the end of what a .sync task started; return the task's result.

        Raises:
            TaskFailed: it did not end well.
        """
        raise NotImplementedError

    async def stop(self, call: "TaskCall", submitted: Any) -> None:
        """Stop what a .sync task started, since nobody waits for it any more."""
        raise NotImplementedError
