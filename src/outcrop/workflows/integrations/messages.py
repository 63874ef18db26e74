"""sns:publish and events:putEvents."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws import service_models
from outcrop.workflows.integrations.calls import Calls
from outcrop.workflows.integrations.failures import At, Target
from outcrop.workflows.integrations.members import compact, to_request
from outcrop.workflows.integrations.metadata import sdk_metadata
from outcrop.workflows.tasks import TaskCall, TaskFailed

SNS = Target("sns", "SNS", "AmazonSNS", 1, "AmazonSNSException")
EVENTS = Target("events", "EventBridge", "AmazonEventBridge", 1, "AmazonEventBridgeException")


async def publish(calls: Calls, task: TaskCall, at: At) -> dict[str, Any]:
    """Publish a message; one that is no string goes out as JSON.

    Raises:
        TaskFailed: it was refused.
    """
    request = _request("sns", "Publish", task.arguments)
    result = await calls.call(task, SNS, "Publish", request, at)
    answer = {name: result[name] for name in ("MessageId", "SequenceNumber") if result.get(name)}
    return {**answer, **sdk_metadata("sns", "Publish", result)}


async def put_events(calls: Calls, task: TaskCall, at: At) -> dict[str, Any]:
    """Put events; each also names the machine and the execution among its resources.

    Raises:
        TaskFailed: the call was refused, or an entry of it.
    """
    entries = task.arguments.get("Entries")
    shown = []
    for entry in entries if isinstance(entries, list) else []:
        resources = [
            *(entry.get("Resources") or ()),
            task.state_machine_arn,
            task.execution_arn,
        ]
        detail = entry.get("Detail")
        # The API takes text: what is text in the state is already JSON.
        text = detail if isinstance(detail, str) or detail is None else compact(detail)
        shown.append({**entry, "Detail": text, "Resources": resources})
    request = _request("events", "PutEvents", {**task.arguments, "Entries": shown})
    result = await calls.call(task, EVENTS, "PutEvents", request, at)
    answer = {
        "Entries": [_entry(entry) for entry in result["Entries"]],
        "FailedEntryCount": result["FailedEntryCount"],
    }
    if answer["FailedEntryCount"]:
        raise TaskFailed("EventBridge.FailedEntry", compact(answer), at)
    return answer


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    names = ("EventId", "ErrorCode", "ErrorMessage")
    return {name: entry[name] for name in names if entry.get(name) is not None}


def _request(service: str, operation: str, arguments: Any) -> dict[str, Any]:
    problems: list[str] = []
    shape = service_models.load(service).operation(operation).model.input_shape
    request = to_request(shape, arguments, problems)
    assert not problems, "checked when the task was scheduled"
    return request
