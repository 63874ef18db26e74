"""What a Task state asks of the world: the calls, and who makes them.

The interpreter knows integrations only through this protocol; it commits what it is about to do before it calls.
"""

from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class TaskCall:
    """One attempt of one Task state.

    Attributes:
        resource: the state's Resource, with its pattern (".sync", ".waitForTaskToken") where it has one.
        arguments: what Parameters or Arguments evaluated to.
        role_arn: whom the call is made as: the state's Credentials, else the machine's role.
        event_id: id of the event that scheduled the attempt.
        task_token: what SendTaskSuccess and its kin are given; "" where nobody is to call back.
        timeout_seconds: when the state gives up; None for never.
        heartbeat_seconds: how long it may stay silent; None for ever.
        machine_role_arn: the machine's own role where the state's Credentials name another, which that role then
            assumes; "" where `role_arn` is the machine's.
    """

    resource: str
    arguments: Any
    region: str
    account_id: str
    role_arn: str
    execution_arn: str
    state_machine_arn: str
    state_name: str
    event_id: int
    task_token: str = ""
    timeout_seconds: int | None = None
    heartbeat_seconds: int | None = None
    machine_role_arn: str = ""

    @property
    def idempotency_key(self) -> str:
        """What is the same when the attempt is made again after a crash, and never else."""
        return f"{self.execution_arn}:{self.event_id}"


class TaskFailed(Exception):
    """A call ended in an error that the state's Retry and Catch see.

    Args:
        error: such as "Lambda.ServiceException".
        cause: text for people.
        at: where it failed: "start" before the call was taken on (TaskStartFailed), "submit" where a .sync or
            .waitForTaskToken call was refused (TaskSubmitFailed), "task" after that (TaskFailed).
    """

    def __init__(
        self, error: str, cause: str, at: Literal["start", "submit", "task"] = "task"
    ) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.at = at


@dataclass(frozen=True, slots=True)
class Scheduled:
    """How a call stands in the history.

    Attributes:
        kind: "lambda" for a function's ARN as the Resource itself (LambdaFunction… events), "activity" for an
            activity's (Activity… events), "task" for all else (Task… events).
        resource_type: such as "sqs" or "aws-sdk:s3".
        resource: such as "sendMessage.waitForTaskToken".
        parameters: as TaskScheduled shows them.
    """

    kind: Literal["task", "lambda", "activity"]
    resource_type: str
    resource: str
    region: str
    parameters: Any


class Integrations(Protocol):
    """Makes the calls of Task states, and those by which Map states read and write objects."""

    def describe(self, resource: str, arguments: Any, region: str) -> Scheduled:
        """Return how a call is recorded; pure.

        Raises:
            StatesError: there is no such resource.
        """

    async def start(self, call: TaskCall) -> Any:
        """Make the call and return its result; for .sync and .waitForTaskToken, the output of TaskSubmitted.

        It may be made again with the same idempotency key after a crash.

        Raises:
            TaskFailed: with the error's name as AWS forms it.
        """

    async def wait(self, call: TaskCall, submitted: Any) -> Any:
        """Return the result of a .sync call once what it began has ended.

        Args:
            call: the call that `start` was given.
            submitted: what `start` returned, perhaps in an earlier life of the server.

        Raises:
            TaskFailed: what it began failed.
        """

    async def stop(self, call: TaskCall, submitted: Any) -> None:
        """End what a .sync call began, because the execution was stopped or the state timed out."""
