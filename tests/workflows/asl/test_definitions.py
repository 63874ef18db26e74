"""What a parsed definition tells of its machine."""

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from outcrop.workflows.asl.definition import (
    ChoiceState,
    FailState,
    MapState,
    ParallelState,
    PassState,
    SucceedState,
    TaskState,
    WaitState,
    parse_definition,
)
from outcrop.workflows.asl.variable_references import variable_references
from support.asl_states import TASK, state_of

INNER = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
ORDER: dict[str, Any] = {
    "Comment": "an order",
    "StartAt": "Check",
    "TimeoutSeconds": 60,
    "States": {
        "Check": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.paid", "BooleanEquals": True, "Next": "Both"}],
            "Default": "Refuse",
        },
        "Both": {"Type": "Parallel", "Branches": [INNER], "Next": "Each"},
        "Each": {
            "Type": "Map",
            "ItemProcessor": {
                "StartAt": "J",
                "States": {"J": {"Type": "Succeed"}},
            },
            "Next": "Send",
        },
        "Send": {**TASK, "Next": "Rest"},
        "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Note"},
        "Note": {"Type": "Pass", "Next": "Done"},
        "Done": {"Type": "Succeed"},
        "Refuse": {"Type": "Fail", "Error": "NotPaid"},
    },
}


def test_each_type_of_state_has_its_class() -> None:
    machine = parse_definition(json.dumps(ORDER))
    assert (machine.start_at, machine.timeout_seconds, machine.comment) == ("Check", 60, "an order")
    assert {name: type(state) for name, state in machine.states.items()} == {
        "Check": ChoiceState,
        "Both": ParallelState,
        "Each": MapState,
        "Send": TaskState,
        "Rest": WaitState,
        "Note": PassState,
        "Done": SucceedState,
        "Refuse": FailState,
    }
    assert [name for name, state in machine.states.items() if state.is_end] == ["Done", "Refuse"]
    assert [state.next for state in machine.states.values()] == [
        None, "Each", "Send", "Rest", "Note", "Done", None, None,
    ]  # fmt: skip


def test_inner_machines_are_compiled_with_the_language_of_the_whole() -> None:
    each = parse_definition(json.dumps(ORDER)).states["Each"]
    assert isinstance(each, MapState)
    assert list(each.processor.states) == ["J"]
    whole = parse_definition(
        json.dumps(
            {
                "StartAt": "P",
                "QueryLanguage": "JSONata",
                "States": {"P": {"Type": "Parallel", "Branches": [INNER], "End": True}},
            }
        )
    )
    both = whole.states["P"]
    assert isinstance(both, ParallelState)
    assert both.branches[0].states["I"].query_language == "JSONata"


def test_a_state_of_its_own_language_stands_among_others() -> None:
    assert state_of({"Type": "Pass", "QueryLanguage": "JSONata"}).query_language == "JSONata"
    assert state_of({"Type": "Pass"}).query_language == "JSONPath"


def test_states_are_frozen() -> None:
    state = state_of({"Type": "Pass"})
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        state.name = "other"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"Type": "Pass"}, {}),
        ({"Type": "Pass", "InputPath": "$b", "Parameters": {"x.$": "$a.k[0]", "y": "$no"}},
         {"S": ["a", "b"]}),
        ({"Type": "Pass", "Parameters": {"x.$": "States.Format('{}{}', $c, $.d)"}}, {"S": ["c"]}),
        ({"Type": "Pass", "Parameters": {"x.$": "$$.Execution.Id"}}, {}),
        ({"Type": "Wait", "SecondsPath": "$s"}, {"S": ["s"]}),
        ({"Type": "Choice", "Default": "Z", "Choices": [
            {"And": [{"Variable": "$v.x", "NumericEqualsPath": "$w"}], "Next": "Z"}]},
         {"S": ["v", "w"]}),
        ({"Type": "Pass", "QueryLanguage": "JSONata",
          "Output": "{% ( $x := $states.input; $x + $y + $sum($z) ) %}"}, {"S": ["y", "z"]}),
        ({"Type": "Map", "ItemsPath": "$l", "ItemProcessor": {
            "StartAt": "I",
            "States": {"I": {"Type": "Pass", "Assign": {"n.$": "$m"}, "End": True}}}},
         {"S": ["l"], "I": ["m"]}),
    ],
)  # fmt: skip
def test_the_variables_that_states_read_are_listed(state: dict[str, Any], expected: Any) -> None:
    definition = {"StartAt": "S", "States": {"S": state, "Z": {"Type": "Succeed"}}}
    assert variable_references(definition) == expected
