"""The context object of a tested state: made up, or given by the caller and checked."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from outcrop.services.stepfunctions.errors import ValidationException
from outcrop.workflows.asl.machine import MapState, ParallelState, State, TaskState

# What AWS calls every tested state.
STATE_NAME = "StateName"
_ANY, _STRING, _NUMBER = "", "a string", "a number"
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "Execution": {
        "Id": _STRING,
        "Input": _ANY,
        "Name": _STRING,
        "RoleArn": _STRING,
        "StartTime": _STRING,
        "RedriveCount": _NUMBER,
        "RedriveTime": _STRING,
    },
    "State": {"EnteredTime": _STRING, "Name": _STRING, "RetryCount": _NUMBER},
    "StateMachine": {"Id": _STRING, "Name": _STRING},
    "Task": {"Token": _STRING},
}
_WAITING = (".sync", ".sync:2", ".waitForTaskToken")


def check(given: Any, state: State) -> Mapping[str, Any]:
    """Return a context object that a caller gave for a state.

    Raises:
        ValidationException: it has other fields than context objects have.
    """
    if not isinstance(given, dict):
        raise _invalid("Context object must be a JSON object")
    for name, part in given.items():
        if name == "Map":
            raise _invalid("'Map' field is not supported when mocking a Context object")
        if name not in _FIELDS:
            raise _invalid(f"Field '{name}' is not allowed")
        if not isinstance(part, dict):
            raise _invalid(f"{name} must be an object")
        for field, value in part.items():
            _check_field(name, field, value)
    waits = isinstance(state, TaskState) and state.resource.endswith(_WAITING)
    if "Task" in given and not waits:
        raise _invalid(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' "
            "service integration pattern"
        )
    return given


def _check_field(part: str, name: str, value: Any) -> None:
    kind = _FIELDS[part].get(name)
    if kind is None:
        raise _invalid(f"Field '{name}' is not allowed")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if (kind == _STRING and not isinstance(value, str)) or (kind == _NUMBER and not is_number):
        raise _invalid(f"{part}.{name} must be {kind}")


def make(  # noqa: PLR0913  # all of them stand in the object
    state: State, value: Any, *, role_arn: str | None, region: str, account_id: str, now: datetime
) -> dict[str, Any]:
    """Return the context object of an express execution that has just entered its only state."""
    machine, execution = str(uuid4()), str(uuid4())
    prefix = f"arn:aws:states:{region}:{account_id}"
    moment = f"{now.strftime('%Y-%m-%dT%H:%M:%S')}.{now.microsecond // 1000:03}Z"
    entered: dict[str, Any] = {"Name": STATE_NAME, "EnteredTime": moment}
    if isinstance(state, TaskState | MapState | ParallelState):
        entered["RetryCount"] = 0
    return {
        "Execution": {
            "Id": f"{prefix}:express:{machine}:{execution}",
            "Input": value,
            "Name": execution,
            "RoleArn": role_arn,
            "StartTime": moment,
        },
        "StateMachine": {"Id": f"{prefix}:stateMachine:{machine}", "Name": machine},
        "State": entered,
    }


def _invalid(reason: str) -> ValidationException:
    return ValidationException(f"Invalid Context object provided: {reason}")
