"""What callers of executions are told, under the codes and in the words of Step Functions."""

from outcrop.aws.errors import ServiceError, ValidationException

__all__ = [
    "ExecutionAlreadyExists",
    "ExecutionDoesNotExist",
    "ExecutionNotRedrivable",
    "InvalidExecutionInput",
    "InvalidOutput",
    "InvalidToken",
    "ResourceNotFound",
    "TaskTimedOut",
    "ValidationException",
]


class ExecutionAlreadyExists(ServiceError):
    """The name is taken by an execution with another input, or by one that has ended."""

    code = "ExecutionAlreadyExists"
    status = 400


class ExecutionDoesNotExist(ServiceError):
    """There is no such execution."""

    code = "ExecutionDoesNotExist"
    status = 400


class ExecutionNotRedrivable(ServiceError):
    """The execution cannot go on from where it failed."""

    code = "ExecutionNotRedrivable"
    status = 400


class InvalidExecutionInput(ServiceError):
    """The input is no JSON."""

    code = "InvalidExecutionInput"
    status = 400


class InvalidOutput(ServiceError):
    """The output of a task is no JSON."""

    code = "InvalidOutput"
    status = 400


class InvalidToken(ServiceError):
    """This server made no such token."""

    code = "InvalidToken"
    status = 400


class ResourceNotFound(ServiceError):
    """There is no such map run."""

    code = "ResourceNotFound"
    status = 400


class TaskTimedOut(ServiceError):
    """Nobody waits for the task any more."""

    code = "TaskTimedOut"
    status = 400
