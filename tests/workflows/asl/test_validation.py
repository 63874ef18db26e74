"""What is said of definitions that Step Functions would not accept."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.workflows.asl.definition import InvalidDefinition, parse_definition
from outcrop.workflows.asl.validation import Diagnostic, message_of, validate
from support.asl_states import TASK, text_of

SCHEMA = "SCHEMA_VALIDATION_FAILED"
LAMBDA = "arn:aws:states:::lambda:invoke"
PASS = {"Type": "Pass", "End": True}
INNER = {"StartAt": "I", "States": {"I": PASS}}


def found(text: str, machine_type: str = "STANDARD") -> list[tuple[str, str, str | None]]:
    return [(each.code, each.message, each.location) for each in validate(text, machine_type)]


def of_state(state: dict[str, Any], machine_type: str = "STANDARD", **machine: Any) -> Any:
    return found(text_of(state, **machine), machine_type)


def of_states(**states: Any) -> Any:
    return found(json.dumps({"StartAt": "A", "States": states}))


def test_a_sound_definition_has_no_findings() -> None:
    assert of_state({"Type": "Pass", "Comment": "nothing", "Result": {"a": 1}}) == []


def test_what_is_no_json_is_told_with_line_and_column() -> None:
    where = '[Source: (String)"not a definition"; line: 1, column: 4]'
    assert found("not a definition") == [
        (
            "INVALID_JSON_DESCRIPTION",
            (
                "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token "
                f"'null', 'true' or 'false')\n at {where}"
            ),
            where,
        )
    ]


@pytest.mark.parametrize("text", ["", "  ", "[]", "1", '"x"', "null"])
def test_what_is_no_object_has_no_location(text: str) -> None:
    assert found(text) == [(SCHEMA, "Definition must be a valid JSON object", None)]


@pytest.mark.parametrize(
    ("definition", "message", "location"),
    [
        ({}, "These fields are required: [States, StartAt]", "/"),
        ({"StartAt": "A"}, "These fields are required: [States]", "/"),
        ({"StartAt": "A", "States": {}}, "Value cannot be empty", "/States"),
        ({"StartAt": "A", "States": []}, "Expected value of type [OBJECT]", "/States"),
        ({"StartAt": 1, "States": {"A": PASS}}, "Expected value of type [STRING]", "/StartAt"),
        ({"StartAt": "A", "States": {"A": PASS}, "X": 1}, "Field 'X' is not supported", "/"),
        ({"StartAt": "A", "States": {"A": PASS}, "Version": "2.0"},
         "Value should be one of the following: [1.0]", "/Version"),
        ({"StartAt": "A", "States": {"A": PASS}, "TimeoutSeconds": -1},
         "Minimum value is 0", "/TimeoutSeconds"),
        ({"StartAt": "A", "States": {"A": PASS}, "QueryLanguage": "XPath"},
         "Value should be one of the following: [JSONPath, JSONata]", "/QueryLanguage"),
    ],
)  # fmt: skip
def test_a_machine_is_checked_field_by_field(
    definition: dict[str, Any], message: str, location: str
) -> None:
    assert (SCHEMA, message, location) in found(json.dumps(definition))


# A state, what is said of it, and where in it.
STATES: list[tuple[dict[str, Any], str, str]] = [
    ({"Type": "Pass", "Next": "Z", "End": True},
     "There should only be one of the following fields: [Next, End]", ""),
    ({"Type": "Pass", "End": 1}, "Expected value of type [BOOLEAN]", "/End"),
    ({"Type": "Pass", "Resource": "x"}, "Field 'Resource' is not supported", ""),
    ({"Type": "Pass", "Comment": 5}, "Expected value of type [STRING]", "/Comment"),
    ({"Type": "Pass", "Output": 1},
     ("The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the "
     "'JSONata' QueryLanguage"), ""),
    ({"Type": "Task"}, "These fields are required: [Resource]", ""),
    ({"Type": "Task", "Resource": "f"}, "Value is not a valid resource ARN", "/Resource"),
    ({"Type": "Task", "Resource": LAMBDA},
     f"Parameters field is required for resource ARN: {LAMBDA}", ""),
    ({"Type": "Task", "Resource": LAMBDA, "Parameters": {}},
     "The field 'FunctionName' is required but was missing", "/Parameters"),
    ({**TASK, "TimeoutSeconds": 0}, "Minimum value is 1", "/TimeoutSeconds"),
    ({**TASK, "TimeoutSeconds": "1"}, "Expected value of type Integer", "/TimeoutSeconds"),
    ({**TASK, "TimeoutSeconds": 1, "TimeoutSecondsPath": "$.t"},
     "There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath]", ""),
    ({**TASK, "Credentials": {}}, "The field 'RoleArn' is required but was missing",
     "/Credentials"),
    ({**TASK, "Retry": [{}]}, "These fields are required: [ErrorEquals]", "/Retry[0]"),
    ({**TASK, "Retry": [{"ErrorEquals": []}]}, "Value cannot be empty", "/Retry[0]/ErrorEquals"),
    ({**TASK, "Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]},
     "States.ALL must appear alone and at end of list", "/Retry[0]/ErrorEquals"),
    ({**TASK, "Retry": [{"ErrorEquals": ["A"], "BackoffRate": 0.5}]}, "Minimum value is 1",
     "/Retry[0]/BackoffRate"),
    ({**TASK, "Retry": [{"ErrorEquals": ["A"], "JitterStrategy": "HALF"}]},
     "Value should be one of the following: [NONE, FULL]", "/Retry[0]/JitterStrategy"),
    ({**TASK, "Catch": [{"ErrorEquals": ["A"]}]}, "These fields are required: [Next]",
     "/Catch[0]"),
    ({"Type": "Wait"},
     ("This object should have only one of the following fields: "
     "[SecondsPath, Seconds, TimestampPath, Timestamp]"), ""),
    ({"Type": "Wait", "Seconds": 100_000_000}, "Maximum value is 99999999", "/Seconds"),
    ({"Type": "Wait", "Timestamp": "soon"}, "String does not match RFC3339 timestamp",
     "/Timestamp"),
    ({"Type": "Fail", "Error": "A", "ErrorPath": "$.e"},
     "There should only be one of the following fields: [Error, ErrorPath]", ""),
    ({"Type": "Fail", "Cause": 5}, "Expected value of type [STRING]", "/Cause"),
    ({"Type": "Choice"}, "These fields are required: [Choices]", ""),
    ({"Type": "Choice", "Choices": []}, "Value cannot be empty", "/Choices"),
    ({"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True}]},
     "These fields are required: [Next]", "/Choices[0]"),
    ({"Type": "Choice", "Choices": [{"Next": "Z"}]},
     "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]",
     "/Choices[0]"),
    ({"Type": "Choice", "Choices": [{"And": [], "Next": "Z"}]}, "Value cannot be empty",
     "/Choices[0]/And"),
    ({"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": "1", "Next": "Z"}]},
     "Expected value of type Number", "/Choices[0]/NumericEquals"),
    ({"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": "yes", "Next": "Z"}]},
     "Expected value of type Boolean", "/Choices[0]/IsNull"),
    ({"Type": "Choice", "Choices": [{"Variable": "$.a", "StringEquals": 1, "Next": "Z"}]},
     "Expected value of type String", "/Choices[0]/StringEquals"),
    ({"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "Z"}]},
     ("The QueryLanguage is set to 'JSONPath', but field 'Condition' is only supported for the "
     "'JSONata' QueryLanguage"), "/Choices[0]"),
    ({"Type": "Parallel", "Branches": []}, "Value cannot be empty", "/Branches"),
    ({"Type": "Parallel", "Branches": [{"StartAt": "I"}]}, "These fields are required: [States]",
     "/Branches[0]"),
    ({"Type": "Map"},
     "This object should have only one of the following fields: [ItemProcessor, Iterator]", ""),
    ({"Type": "Map", "ItemProcessor": {**INNER, "ProcessorConfig": {"Mode": "DISTRIBUTED"}}},
     "These fields are required: [ExecutionType]", "/ItemProcessor/ProcessorConfig"),
    ({"Type": "Map", "ItemProcessor": INNER, "MaxConcurrency": -1}, "Minimum value is 0",
     "/MaxConcurrency"),
    ({"Type": "Map", "ItemProcessor": INNER, "ToleratedFailurePercentage": 101},
     "Maximum value is 100", "/ToleratedFailurePercentage"),
    ({"Type": "Map", "ItemProcessor": INNER, "Label": ""}, "Value cannot be empty", "/Label"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "message", "place"), STATES)
def test_a_state_is_checked_field_by_field(state: dict[str, Any], message: str, place: str) -> None:
    assert (SCHEMA, message, f"/States/S{place}") in of_state(state)


@pytest.mark.parametrize("kind", ["Nope", "pass", ""])
def test_an_unknown_type_is_told_with_the_known_ones(kind: str) -> None:
    ((code, message, location),) = of_states(A={"Type": kind, "End": True})
    assert (code, location) == (SCHEMA, "/States/A/Type")
    assert message.startswith("Value should be one of the following: [")


@pytest.mark.parametrize(
    "expression",
    [
        "nope",
        "$.a[",
        "States.Nope()",
        "States.Format('{}'",
        r"States.Format('\"{}', $.a)",
    ],
)
def test_a_payload_field_must_be_a_path_or_a_call(expression: str) -> None:
    assert of_state({"Type": "Pass", "Parameters": {"x.$": expression}}) == [
        (
            SCHEMA,
            (
                "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function "
                "call"
            ),
            "/States/S/Parameters",
        )
    ]


def test_a_broken_jsonata_expression_is_told_where_it_stands() -> None:
    findings = of_state({"Type": "Pass", "Output": {"a": "{% 1 + %}"}}, QueryLanguage="JSONata")
    ((code, message, location),) = findings
    assert (code, location) == ("INVALID_JSONATA_EXPRESSION", "/States/S/Output/a")
    assert "Unexpected end of expression" in message


def test_a_jsonata_machine_has_no_jsonpath_states() -> None:
    state = {"Type": "Pass", "QueryLanguage": "JSONPath"}
    assert of_state(state, QueryLanguage="JSONata") == [
        (
            SCHEMA,
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
            "/States/S",
        )
    ]


@pytest.mark.parametrize(("suffix", "end"), [(".waitForTaskToken", " "), (".sync", "")])
def test_an_express_machine_waits_for_nothing(suffix: str, end: str) -> None:
    service = "sqs:sendMessage" if suffix == ".waitForTaskToken" else "ecs:runTask"
    state = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{service}{suffix}",
        "Parameters": {"QueueUrl": "q", "MessageBody": "b", "TaskDefinition": "t"},
    }
    assert of_state(state) == []
    assert of_state(state, "EXPRESS") == [
        (
            SCHEMA,
            f"Express state machine does not support '{suffix}' service integration{end}",
            "/States/S/Resource",
        )
    ]


def test_an_express_machine_has_no_activities_and_no_distributed_maps() -> None:
    activity = {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:a"}
    assert of_state(activity) == []
    assert of_state(activity, "EXPRESS") == [
        (SCHEMA, "Express state machine does not support Activity ARN", "/States/S/Resource")
    ]
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    large = {"Type": "Map", "ItemProcessor": {**INNER, "ProcessorConfig": config}}
    assert of_state(large) == []
    ((_, message, location),) = of_state(large, "EXPRESS")
    assert message == (
        "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines"
    )
    assert location == "/States/S/ItemProcessor/ProcessorConfig/Mode"


def test_a_resource_that_is_still_to_be_filled_in_is_not_judged() -> None:
    assert of_state({"Type": "Task", "Resource": "${FunctionArn}"}) == []


def test_a_transition_to_nowhere_leaves_no_end() -> None:
    assert of_states(A={"Type": "Pass", "Next": "NOPE"}) == [
        ("MISSING_TRANSITION_TARGET", "Missing 'Next' target: NOPE", "/States/A/Next"),
        ("MISSING_END_STATE", "Workflow has no terminal state", None),
    ]


def test_a_state_that_nothing_leads_to_is_told() -> None:
    assert of_states(A=PASS, C=PASS) == [
        ("MISSING_TRANSITION_TARGET", 'State "C" is not reachable.', "/States/C")
    ]


def test_choices_defaults_and_catches_lead_somewhere() -> None:
    catch = [{"ErrorEquals": ["E"], "Next": "D"}]
    choices = [{"Variable": "$.a", "IsNull": True, "Next": "B"}]
    assert (
        of_states(
            A={"Type": "Choice", "Choices": choices, "Default": "C"},
            B=PASS,
            C={**TASK, "End": True, "Catch": catch},
            D=PASS,
        )
        == []
    )


@pytest.mark.parametrize("label", ["a b", "a*", "x/y?", 'quo"te', "tab\t", "l" * 41])
def test_a_label_is_short_and_plain(label: str) -> None:
    ((code, message, location),) = of_state({"Type": "Map", "ItemProcessor": INNER, "Label": label})
    assert (code, location) == ("INVALID_LABEL_NAME", "/States/S/Label")
    assert message.startswith(f"Label name '{label}'")


def test_state_names_are_at_most_eighty_long_and_used_once() -> None:
    name = "n" * 81
    definition = {"StartAt": name, "States": {name: PASS}}
    assert [code for code, _, _ in found(json.dumps(definition))] == ["INVALID_STATE_NAME"]
    twice = {"Type": "Parallel", "Branches": [INNER, INNER]}
    assert [code for code, _, _ in of_state(twice)] == ["DUPLICATE_STATE_NAME"]


def test_create_state_machine_words_all_errors_in_one_message() -> None:
    with pytest.raises(InvalidDefinition) as raised:
        parse_definition('{"StartAt": "A"}')
    assert str(raised.value) == (
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: "
        "[States] at /'"
    )
    assert raised.value.diagnostics == (
        Diagnostic("ERROR", SCHEMA, "These fields are required: [States]", "/"),
    )
    assert message_of(validate("")) == (
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Definition must be a valid "
        "JSON object at null'"
    )


KINDS = ["Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"]
FIELDS = [
    "Next", "End", "Default", "Choices", "Branches", "ItemProcessor", "Seconds", "Timestamp",
    "SecondsPath", "Parameters", "ResultSelector", "ResultPath", "InputPath", "Resource", "Retry",
    "Catch", "Assign", "Output", "Arguments", "Condition", "Label", "ItemReader", "ItemBatcher",
    "ResultWriter", "MaxConcurrency", "QueryLanguage", "Error", "CausePath", "Credentials",
]  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["$.a", "A", "{% $x %}", "{% ( %}", "States.Format('{}')", "$$.x", "$v", ""]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [*FIELDS, "Type", "Variable", "And", "Not", "x.$", "States", "StartAt"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
    st.sampled_from(["JSONPath", "JSONata"]),
)
def test_any_json_is_either_compiled_or_refused_with_findings(
    kind: str, fields: dict[str, Any], language: str
) -> None:
    text = json.dumps(
        {
            "StartAt": "A",
            "QueryLanguage": language,
            "States": {"A": {**fields, "Type": kind}},
        }
    )
    findings = validate(text)
    if findings:
        with pytest.raises(InvalidDefinition) as raised:
            parse_definition(text)
        assert raised.value.diagnostics == findings
    else:
        assert parse_definition(text).states["A"].type == kind


NESTED = {
    "a document": {"Type": "Pass", "Result": json.loads("[" * 250 + "]" * 250)},
    "a filter": {"Type": "Pass", "Parameters": {"a.$": "$" + "[?(@.a" * 3000 + ")]" * 3000}},
    "an expression": {
        "Type": "Pass",
        "QueryLanguage": "JSONata",
        "Output": "{% " + "(" * 3000 + "1" + ")" * 3000 + " %}",
    },
}


@pytest.mark.parametrize("state", NESTED.values(), ids=list(NESTED))
def test_what_is_nested_without_measure_is_refused(state: dict[str, Any]) -> None:
    assert len(of_state(state)) == 1


def test_json_nested_without_measure_is_refused() -> None:
    ((code, _, _),) = found('{"a":' * 100_000)
    assert code == "INVALID_JSON_DESCRIPTION"
