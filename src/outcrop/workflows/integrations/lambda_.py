"""Functions: lambda:invoke, and a function's ARN as the Resource itself."""

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from outcrop.core.ids import request_id
from outcrop.workflows.integrations.calls import Calls
from outcrop.workflows.integrations.contents import read_whole
from outcrop.workflows.integrations.failures import At, Target
from outcrop.workflows.integrations.members import compact
from outcrop.workflows.integrations.metadata import metadata
from outcrop.workflows.tasks import TaskCall, TaskFailed

TARGET = Target("lambda", "Lambda", "AWSLambda", 1, "AWSLambdaException")


async def invoke(calls: Calls, task: TaskCall, at: At) -> dict[str, Any]:
    """Invoke a function as lambda:invoke says; return what AWS's integration returns.

    Raises:
        TaskFailed: the call was refused, or the function failed: then under the name of its error.
    """
    arguments = task.arguments
    request: dict[str, Any] = {
        "FunctionName": arguments["FunctionName"],
        "Payload": _payload(arguments.get("Payload")),
    }
    for name in ("InvocationType", "LogType", "Qualifier"):
        if arguments.get(name) is not None:
            request[name] = arguments[name]
    if (client_context := arguments.get("ClientContext")) is not None:
        request["ClientContext"] = _client_context(client_context)
    result = await calls.call(task, TARGET, "Invoke", request, at)
    payload = await read_whole(result.get("Payload"))
    parsed = _parse(payload)
    if result.get("FunctionError"):
        raise _function_failed(parsed, compact(parsed))
    return _answer(result, payload, parsed)


async def invoke_arn(calls: Calls, task: TaskCall) -> Any:
    """Invoke the function that the Resource is, with the state's input; return what it returned.

    Raises:
        TaskFailed: the call was refused, or the function failed.
    """
    request = {"FunctionName": task.resource, "Payload": compact(task.arguments).encode()}
    result = await calls.call(task, TARGET, "Invoke", request)
    payload = await read_whole(result.get("Payload"))
    parsed = _parse(payload)
    if result.get("FunctionError"):
        raise _function_failed(parsed, payload.decode("utf-8", "replace"))
    return parsed


def _payload(value: Any) -> bytes:
    """Return what a function receives: a text that is JSON as it is, anything else as its JSON."""
    if value is None:
        return b"{}"
    if isinstance(value, str):
        with suppress(ValueError):
            json.loads(value)
            return value.encode()
    return compact(value).encode()


def _client_context(value: Any) -> str:
    # The state has it as an object or as the Base64 that the API takes.
    if isinstance(value, str):
        return value
    return base64.b64encode(compact(value).encode()).decode()


def _parse(payload: bytes) -> Any:
    if not payload:
        return None
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")


def _function_failed(parsed: Any, text: str) -> TaskFailed:
    name = parsed.get("errorType") if isinstance(parsed, dict) else None
    if isinstance(name, str) and name:
        return TaskFailed(name, text)
    return TaskFailed(
        "Lambda.Unknown",
        "The cause could not be determined because Lambda did not return an error type. "
        f"Returned payload: {text}",
    )


def _answer(result: dict[str, Any], payload: bytes, parsed: Any) -> dict[str, Any]:
    number = request_id()
    status = int(result.get("StatusCode", 200))
    headers = {
        "X-Amz-Executed-Version": result.get("ExecutedVersion"),
        "X-Amz-Log-Result": result.get("LogResult"),
        "x-amzn-Remapped-Content-Length": "0",
        "Connection": "keep-alive",
        "Date": f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S GMT}",
        "x-amzn-RequestId": number,
        "Content-Length": str(len(payload)),
        "X-Amzn-Trace-Id": f"root=1-{number[:8]}-{number.replace('-', '')[8:]};sampled=0",
        "Content-Type": "application/json",
    }
    told = {name: str(value) for name, value in headers.items() if value is not None}
    answer = {name: result[name] for name in ("ExecutedVersion", "LogResult") if result.get(name)}
    return {**answer, "Payload": parsed, **metadata(told, number, status), "StatusCode": status}
