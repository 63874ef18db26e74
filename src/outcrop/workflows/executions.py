"""Executions of state machines: start, follow, stop, redrive. The engine as services see it.

Nothing here knows how machines are stored: a revision comes with each start and is kept with the execution.
"""

from collections.abc import Mapping
from typing import Any

from outcrop.workflows.revisions import (
    ExecutionListing,
    ExecutionRecord,
    HistoryPage,
    MachineRevision,
    StartRequest,
    Started,
    StateTest,
)

__all__ = [
    "ExecutionListing",
    "ExecutionRecord",
    "Executions",
    "HistoryPage",
    "MachineRevision",
    "StartRequest",
    "Started",
    "StateTest",
]


class Executions:
    """The running executions of a server, and the rows of all others."""

    async def open(self) -> None:
        """Go on with every execution that had not ended when the server did; call once, on the server's loop."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of every execution, as a crash would but with all that happened written."""
        raise NotImplementedError

    async def start(self, request: StartRequest) -> Started:
        """Accept an execution; it is on disk when this returns. The same name and input again: the same execution.

        Raises:
            ExecutionAlreadyExists: the name is taken by one with another input, or one that has ended.
            InvalidExecutionInput: the input is no JSON.
            InvalidName: the name has characters that names may not have.
        """
        raise NotImplementedError

    async def start_sync(self, request: StartRequest) -> ExecutionRecord:
        """Run an EXPRESS execution to its end.

        Raises:
            InvalidExecutionInput: the input is no JSON.
        """
        raise NotImplementedError

    async def stop(self, arn: str, error: str | None, cause: str | None) -> int:
        """Abort an execution; returns when it stopped, in µs.

        Raises:
            ExecutionDoesNotExist: no such execution.
            ValidationException: it has ended already.
        """
        raise NotImplementedError

    def describe(self, arn: str) -> ExecutionRecord:
        """Return an execution as it stands on disk.

        Raises:
            ExecutionDoesNotExist: no such execution.
        """
        raise NotImplementedError

    def revision_of(self, arn: str) -> MachineRevision:
        """Return what an execution runs.

        Raises:
            ExecutionDoesNotExist: no such execution.
        """
        raise NotImplementedError

    def list(
        self,
        *,
        machine_arn: str = "",
        map_run_arn: str = "",
        version_arn: str = "",
        alias_arn: str = "",
        status: str = "",
        redriven: bool | None = None,
        after: tuple[int, int] | None = None,
        limit: int = 100,
    ) -> ExecutionListing:
        """Return a page of executions, newest first: of a machine (or version, or alias), or of a map run."""
        raise NotImplementedError

    def running_count(self, machine_arn: str) -> int:
        """Return how many executions of a machine (all its revisions) have not ended."""
        raise NotImplementedError

    async def history(
        self, arn: str, *, reverse: bool = False, start: int | None = None, limit: int = 100
    ) -> HistoryPage:
        """Return a page of events.

        Args:
            arn: of the execution.
            reverse: newest first.
            start: id of the page's first event; None for the beginning.
            limit: 1 to 1,000.

        Raises:
            ExecutionDoesNotExist: no such execution.
        """
        raise NotImplementedError

    async def redrive(self, arn: str) -> int:
        """Go on with a failed, timed out or aborted execution from where it failed; returns when, in µs.

        Raises:
            ExecutionDoesNotExist: no such execution.
            ExecutionNotRedrivable: it runs, succeeded, is too old or was redriven too often.
        """
        raise NotImplementedError

    async def abort_machine(self, machine_arn: str) -> None:
        """Abort every running execution of a machine that is deleted."""
        raise NotImplementedError

    def describe_map_run(self, arn: str) -> dict[str, Any]:
        """Return a map run as DescribeMapRun answers (times are datetimes).

        Raises:
            ResourceNotFound: no such map run.
        """
        raise NotImplementedError

    def list_map_runs(self, execution_arn: str) -> list[dict[str, Any]]:
        """Return the map runs of an execution as ListMapRuns answers, newest first.

        Raises:
            ExecutionDoesNotExist: no such execution.
        """
        raise NotImplementedError

    async def update_map_run(self, arn: str, changes: Mapping[str, Any]) -> None:
        """Change maxConcurrency, toleratedFailurePercentage or toleratedFailureCount of a run.

        Raises:
            ResourceNotFound: no such map run.
            ValidationException: it has ended.
        """
        raise NotImplementedError

    async def send_success(self, token: str, output: str) -> None:
        """End a waiting task with an output (JSON text); on disk when this returns.

        Raises:
            InvalidToken: this server made no such token.
            InvalidOutput: the output is no JSON.
            TaskTimedOut: nobody waits for it any more.
        """
        raise NotImplementedError

    async def send_failure(self, token: str, error: str | None, cause: str | None) -> None:
        """End a waiting task with an error. Raises as `send_success`."""
        raise NotImplementedError

    async def send_heartbeat(self, token: str) -> None:
        """Say that a task is alive. Raises as `send_success`."""
        raise NotImplementedError

    async def next_activity_task(
        self, activity_arn: str, worker_name: str | None, wait_seconds: float
    ) -> tuple[str, str] | None:
        """Give a worker the oldest waiting task of an activity: (task token, input as JSON text).

        Returns None when there was none for wait_seconds.
        """
        raise NotImplementedError

    async def test_state(self, test: StateTest) -> dict[str, Any]:
        """Run one state outside any execution and return TestState's answer as on the wire, inspectionData complete.

        Raises:
            InvalidDefinition: the definition is none.
        """
        raise NotImplementedError
