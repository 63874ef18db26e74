"""Answers of workers and of callbacks: SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.stepfunctions import json_text
from outcrop.services.stepfunctions.errors import InvalidOutput


@operation("stepfunctions:SendTaskSuccess")
async def send_task_success(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """End a waiting task with its output; the execution has it on disk when this answers.

    Raises:
        InvalidToken: the token is not one that this service gave out.
        InvalidOutput: the output is no JSON.
        TaskTimedOut: nobody waits for the task any more.
    """
    try:
        json_text.read(request["output"])
    except json_text.NotJson as error:
        raise InvalidOutput(f"Invalid Output: '{str(error) or 'Invalid task output.'}'") from None
    await context.platform.executions.send_success(request["taskToken"], request["output"])
    return {}


@operation("stepfunctions:SendTaskFailure")
async def send_task_failure(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """End a waiting task with an error, which Retry and Catch of its state see.

    Raises:
        InvalidToken: the token is not one that this service gave out.
        TaskTimedOut: nobody waits for the task any more.
    """
    await context.platform.executions.send_failure(
        request["taskToken"], request.get("error"), request.get("cause")
    )
    return {}


@operation("stepfunctions:SendTaskHeartbeat")
async def send_task_heartbeat(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Say that a task is still worked on, so that its HeartbeatSeconds begin anew.

    Raises:
        InvalidToken: the token is not one that this service gave out.
        TaskTimedOut: nobody waits for the task any more.
    """
    await context.platform.executions.send_heartbeat(request["taskToken"])
    return {}
