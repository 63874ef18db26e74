"""states:startExecution, alone or with the wait for what it started."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from outcrop.workflows.integrations import messages
from outcrop.workflows.integrations.calls import Calls, effect_id
from outcrop.workflows.integrations.failures import TASK_FAILED, At, Target
from outcrop.workflows.integrations.members import compact, epoch_milliseconds
from outcrop.workflows.integrations.metadata import sdk_metadata
from outcrop.workflows.integrations.names import member
from outcrop.workflows.tasks import TaskCall, TaskFailed

TARGET = Target(
    "stepfunctions", "StepFunctions", "AWSStepFunctions", 1, "AWSStepFunctionsException"
)
# Roles that wait for executions are given this managed rule: Step Functions, "Service integration patterns", .sync.
_RULE = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
_LOOK_SECONDS = 0.1
_STARTED = ("executionArn", "startDate")
_DESCRIBED = (
    "cause",
    "error",
    "executionArn",
    "input",
    "inputDetails",
    "mapRunArn",
    "name",
    "output",
    "outputDetails",
    "redriveCount",
    "redriveDate",
    "redriveStatus",
    "redriveStatusReason",
    "startDate",
    "stateMachineAliasArn",
    "stateMachineArn",
    "stateMachineVersionArn",
    "status",
    "stopDate",
    "traceHeader",
)
_UNENDED = frozenset({"RUNNING", "PENDING_REDRIVE"})


async def start(calls: Calls, task: TaskCall, at: At) -> dict[str, Any]:
    """Start an execution; the same attempt made again after a crash finds the one that it started.

    Raises:
        TaskFailed: it was refused.
    """
    arguments = task.arguments
    own_name = not arguments.get("Name")
    request: dict[str, Any] = {
        "stateMachineArn": arguments["StateMachineArn"],
        "name": effect_id(task) if own_name else arguments["Name"],
    }
    if (given := arguments.get("Input")) is not None:
        request["input"] = given if isinstance(given, str) else compact(given)
    if arguments.get("TraceHeader") is not None:
        request["traceHeader"] = arguments["TraceHeader"]
    try:
        result = await calls.call(task, TARGET, "StartExecution", request, at)
    except TaskFailed as failed:
        if not own_name or getattr(failed.__cause__, "code", "") != "ExecutionAlreadyExists":
            raise
        # A name that only this attempt makes up: it was started, and has ended, before the server came back.
        arn = _execution_arn(request["stateMachineArn"], request["name"])
        result = {name: (await _describe(calls, task, arn))[name] for name in _STARTED}
    return {
        "ExecutionArn": result["executionArn"],
        **sdk_metadata(TARGET.service, "StartExecution", result),
        "StartDate": epoch_milliseconds(result["startDate"]),
    }


async def wait(
    calls: Calls,
    task: TaskCall,
    submitted: Mapping[str, Any],
    ended: Callable[[str], Awaitable[None]] | None,
    *,
    parses: bool,
) -> dict[str, Any]:
    """Wait for an execution's end; return its description.

    Args:
        calls: make the calls.
        task: the call.
        submitted: what `start` returned.
        ended: returns when an execution has ended; without it the execution is described again and again.
        parses: whether input and output come as JSON (.sync:2) rather than as text (.sync).

    Raises:
        TaskFailed: it did not succeed; the cause is its description.
    """
    arn = submitted["ExecutionArn"]
    while True:
        if ended is not None:
            await ended(arn)
        described = await _see(calls, task, arn)
        if described["status"] not in _UNENDED:
            break
        # Right after a start of the server it may not have been taken up again.
        await asyncio.sleep(_LOOK_SECONDS)
    output = _shown(described)
    if described["status"] != "SUCCEEDED":
        raise TaskFailed(TASK_FAILED, compact(output))
    if parses:
        for name in ("Input", "Output"):
            if isinstance(output.get(name), str):
                output[name] = json.loads(output[name])
    return output


async def stop(calls: Calls, task: TaskCall, submitted: Mapping[str, Any]) -> None:
    """Stop the execution that nobody waits for any more, if the role may."""
    arn = submitted["ExecutionArn"]
    await calls.call(task, TARGET, "StopExecution", {"executionArn": arn})


async def _see(calls: Calls, task: TaskCall, arn: str) -> dict[str, Any]:
    """Describe an execution as the role may, or as Step Functions is told by events that the role may ask for.

    Raises:
        TaskFailed: the role may neither describe it nor have the rule that reports its end.
    """
    try:
        return await _describe(calls, task, arn)
    except TaskFailed as failed:
        if not _is_refusal(failed):
            raise
        try:
            await calls.call(task, messages.EVENTS, "DescribeRule", {"Name": _RULE})
        except TaskFailed as error:
            if _is_refusal(error):
                raise failed from error
        return await calls.call_as_service(task, TARGET, "DescribeExecution", {"executionArn": arn})


def _is_refusal(failed: TaskFailed) -> bool:
    return getattr(failed.__cause__, "code", "").startswith("AccessDenied")


async def _describe(calls: Calls, task: TaskCall, arn: str) -> dict[str, Any]:
    return await calls.call(task, TARGET, "DescribeExecution", {"executionArn": arn})


def _shown(described: Mapping[str, Any]) -> dict[str, Any]:
    output: dict[str, Any] = {}
    for name in _DESCRIBED:
        value = described.get(name)
        if value is None:
            continue
        if name.endswith("Date"):
            value = epoch_milliseconds(value)
        elif name.endswith("Details"):
            value = {"Included": bool(value.get("included", True))}
        output[member(name)] = value
    return output


def _execution_arn(machine_arn: str, name: str) -> str:
    parts = machine_arn.split(":")
    return ":".join([*parts[:5], "execution", parts[6], name])
