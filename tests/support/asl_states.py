"""Short ways to machines and states."""

import json
from typing import Any

from outcrop.workflows.asl.data_flow import StatesError
from outcrop.workflows.asl.definition import parse_definition
from outcrop.workflows.asl.machine import Machine, Scope, State

TASK = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"}
CONTEXT = {
    "Execution": {"Id": "arn:e", "Input": {"from": "start"}},
    "State": {"Name": "S"},
    "StateMachine": {"Name": "m"},
}


def text_of(state: dict[str, Any], **machine: Any) -> str:
    """A definition of one state S, beside an end Z where S leads there."""
    is_last = state["Type"] in {"Succeed", "Fail"}
    flow = (
        {}
        if is_last or state["Type"] == "Choice" or state.keys() & {"Next", "End"}
        else {"End": True}
    )
    states: dict[str, Any] = {"S": {**state, **flow}}
    if '"Z"' in json.dumps(state):
        states["Z"] = {"Type": "Succeed"}
    return json.dumps({"StartAt": "S", "States": states, **machine})


def machine_of(state: dict[str, Any], **machine: Any) -> Machine:
    return parse_definition(text_of(state, **machine))


def state_of(state: dict[str, Any], **machine: Any) -> Any:
    compiled: State = machine_of(state, **machine).states["S"]
    return compiled


def scope_with(**variables: Any) -> Scope:
    return Scope(CONTEXT, variables, 2)


def told(error: StatesError) -> tuple[str, str]:
    """Name and cause, without the words about state S that open it."""
    opening = "An error occurred while executing the state 'S' (entered at the event id #2). "
    assert error.cause.startswith(opening)
    return error.error, error.cause.removeprefix(opening)
