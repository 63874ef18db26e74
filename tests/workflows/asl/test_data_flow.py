"""How data goes through states whose language is JSONPath."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.workflows.asl.data_flow import (
    MAX_PAYLOAD_BYTES,
    Chosen,
    Finished,
    StatesError,
    arguments,
    caught,
    check_size,
    choose,
    credentials_of,
    effective_input,
    failure_of,
    finish,
    limits_of,
    pass_through,
    wait_of,
)
from outcrop.workflows.asl.outcomes import Wait
from support.asl_states import TASK, scope_with, state_of, told

RAW = {"a": 1, "b": {"c": [1, 2]}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


def passed(raw: Any, **fields: Any) -> Finished:
    variables = fields.pop("variables", {})
    return pass_through(state_of({"Type": "Pass", **fields}), raw, scope_with(**variables))


def refused(function: Any, *values: Any) -> tuple[str, str]:
    with pytest.raises(StatesError) as raised:
        function(*values)
    return told(raised.value)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, RAW),
        ({"Result": 5}, 5),
        ({"Result": None}, None),
        ({"Result": 5, "ResultPath": "$.r.s"}, {**RAW, "r": {"s": 5}}),
        ({"Result": 5, "ResultPath": None}, RAW),
        ({"InputPath": "$.b"}, {"c": [1, 2]}),
        ({"InputPath": "$.b", "ResultPath": "$.copy"}, {**RAW, "copy": {"c": [1, 2]}}),
        ({"InputPath": None}, {}),
        ({"InputPath": "$$.Execution.Input"}, {"from": "start"}),
        ({"OutputPath": "$.b.c[1]"}, 2),
        ({"OutputPath": None}, {}),
        ({"Parameters": {"x.$": "$.a", "y": 2}}, {"x": 1, "y": 2}),
        ({"InputPath": "$.b", "Parameters": {"x.$": "$.c[0]"}}, {"x": 1}),
        ({"Parameters": {"x.$": "$.a"}, "ResultPath": "$.p", "OutputPath": "$.p"}, {"x": 1}),
        ({"Parameters": {"x.$": "$$.State.Name"}}, {"x": "S"}),
    ],
)
def test_a_pass_hands_on_what_its_fields_make_of_the_input(fields: Any, expected: Any) -> None:
    assert passed(RAW, **fields) == Finished(expected)


@settings(deadline=None, max_examples=60)
@given(JSON)
def test_a_pass_without_fields_changes_nothing(value: Any) -> None:
    assert passed(value).output == value
    assert passed({"in": value}, ResultPath="$.out").output["out"] == {"in": value}


def test_variables_are_assigned_from_the_result_and_read_as_they_were_before() -> None:
    outcome = pass_through(
        state_of(
            {
                "Type": "Pass",
                "InputPath": "$answer",
                "OutputPath": "$answer",
                "Assign": {"answer.$": "$.n", "again.$": "$answer.n", "fixed": 1},
            }
        ),
        RAW,
        scope_with(answer={"n": 42}),
    )
    assert outcome == Finished({"n": 42}, {"answer": 42, "again": 42, "fixed": 1})


def test_a_task_selects_from_its_result_but_assigns_from_it_whole() -> None:
    state = state_of(
        {
            **TASK,
            "InputPath": "$.b",
            "Parameters": {"first.$": "$.c[0]"},
            "ResultSelector": {"code.$": "$.StatusCode"},
            "ResultPath": "$.answer",
            "Assign": {"payload.$": "$.Payload"},
        }
    )
    scope = scope_with()
    effective = effective_input(state, RAW, scope)
    assert effective == {"c": [1, 2]}
    assert arguments(state, effective, scope) == {"first": 1}
    result = {"StatusCode": 200, "Payload": "p"}
    assert finish(state, RAW, effective, result, scope) == Finished(
        {**RAW, "answer": {"code": 200}}, {"payload": "p"}
    )


def test_a_task_without_fields_sends_its_input_and_gives_its_result() -> None:
    state, scope = state_of(TASK), scope_with()
    assert arguments(state, effective_input(state, RAW, scope), scope) == RAW
    assert finish(state, RAW, RAW, [1], scope) == Finished([1])


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"InputPath": "$.x"}, "Invalid path '$.x' : No results for path: $['x']"),
        ({"OutputPath": "$.x"}, "Invalid path '$.x' : No results for path: $['x']"),
        (
            {"Parameters": {"m.$": "$.nope"}},
            ("The JSONPath '$.nope' specified for the field 'm.$' could not be found in the input "
            '\'{"x":"a"}\''),
        ),
    ],
)  # fmt: skip
def test_a_path_to_nothing_is_a_runtime_error(fields: Any, cause: str) -> None:
    raw = {"x": "a"} if "Parameters" in fields else {}
    assert refused(passed_with(fields), raw) == ("States.Runtime", cause)


def passed_with(fields: dict[str, Any]) -> Any:
    return lambda raw: passed(raw, **fields)


def test_a_result_finds_no_place_below_a_scalar() -> None:
    error, cause = refused(passed_with({"Result": 1, "ResultPath": "$.a.b"}), {"a": 5})
    assert error == "States.ResultPathMatchFailure"
    assert cause == 'Unable to apply ReferencePath $.a.b to input {"a":5}'


def choice(**fields: Any) -> Any:
    rules = [
        {"Variable": "$.n", "NumericEquals": 1, "Next": "Z", "Assign": {"by.$": "$.n"}},
        {"Variable": "$.n", "NumericGreaterThan": 5, "Next": "Z"},
    ]
    return state_of({"Type": "Choice", "Choices": rules, **fields})


def test_a_choice_takes_the_first_rule_that_holds_with_that_rules_variables() -> None:
    state = choice(Default="Z", Assign={"by": "default"})
    assert choose(state, {"n": 1}, scope_with()) == Chosen("Z", {"n": 1}, {"by": 1})
    assert choose(state, {"n": 6}, scope_with()) == Chosen("Z", {"n": 6})
    assert choose(state, {"n": 2}, scope_with()) == Chosen("Z", {"n": 2}, {"by": "default"})


def test_a_choice_looks_at_its_effective_input_and_filters_what_it_hands_on() -> None:
    state = choice(InputPath="$.in", OutputPath="$.n")
    assert choose(state, {"in": {"n": 6}}, scope_with()) == Chosen("Z", 6)


def test_a_choice_that_nothing_fits_ends_the_execution() -> None:
    assert refused(choose, choice(), {"n": 2}, scope_with()) == (
        "States.Runtime",
        "Failed to transition out of the state. The state does not point to a next state.",
    )


@pytest.mark.parametrize(
    ("fields", "raw", "expected"),
    [
        ({"Seconds": 3}, {}, Wait(seconds=3)),
        ({"SecondsPath": "$.s"}, {"s": 0}, Wait(seconds=0)),
        ({"SecondsPath": "$s"}, {}, Wait(seconds=9)),
        ({"Timestamp": "2024-05-01T12:00:00Z"}, {}, Wait(timestamp="2024-05-01T12:00:00Z")),
        (
            {"TimestampPath": "$.t"},
            {"t": "2024-05-01T12:00:00.5+02:00"},
            Wait(timestamp="2024-05-01T12:00:00.5+02:00"),
        ),
    ],
)
def test_a_wait_is_told_in_seconds_or_by_a_timestamp(fields: Any, raw: Any, expected: Wait) -> None:
    assert wait_of(state_of({"Type": "Wait", **fields}), raw, scope_with(s=9)) == expected


@pytest.mark.parametrize(
    ("fields", "raw", "cause"),
    [
        ("SecondsPath", {"v": "x"},
         "The SecondsPath parameter cannot be parsed as a long value: $.v == x"),
        ("SecondsPath", {"v": 1.5},
         "The SecondsPath parameter cannot be parsed as a long value: $.v == 1.5"),
        ("SecondsPath", {"v": -1},
         "The SecondsPath parameter references a negative value: $.v == -1"),
        ("SecondsPath", {},
         "The SecondsPath parameter does not reference an input value: $.v"),
        ("TimestampPath", {"v": "soon"},
         ("The TimestampPath parameter does not reference a valid ISO-8601 extended offset "
         "date-time format string: $.v == soon")),
        ("TimestampPath", {},
         "The TimestampPath parameter does not reference an input value: $.v"),
    ],
)  # fmt: skip
def test_a_wait_without_a_usable_value_is_a_runtime_error(
    fields: str, raw: Any, cause: str
) -> None:
    state = state_of({"Type": "Wait", fields: "$.v"})
    assert refused(wait_of, state, raw, scope_with()) == ("States.Runtime", cause)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (None, None)),
        ({"Error": "E", "Cause": "C"}, ("E", "C")),
        ({"ErrorPath": "$.e", "CausePath": "$.c"}, ("Given", "Because")),
        (
            {"ErrorPath": "States.Format('My.{}', $.e)", "CausePath": "$why"},
            ("My.Given", "variable"),
        ),
    ],
)
def test_a_fail_says_or_reads_its_error_and_cause(fields: Any, expected: Any) -> None:
    raw = {"e": "Given", "c": "Because"}
    state = state_of({"Type": "Fail", **fields})
    assert failure_of(state, raw, scope_with(why="variable")) == expected


def test_a_tasks_limits_and_role_are_numbers_or_paths() -> None:
    fixed = state_of({**TASK, "TimeoutSeconds": 9, "HeartbeatSeconds": 3})
    assert limits_of(fixed, {}, scope_with()) == (9, 3)
    by_path = state_of(
        {
            **TASK,
            "TimeoutSecondsPath": "$.t",
            "HeartbeatSecondsPath": "$.h",
            "Credentials": {"RoleArn.$": "$.role"},
        }
    )
    raw = {"t": 5, "h": 2, "role": "arn:aws:iam::123456789012:role/r"}
    assert limits_of(by_path, raw, scope_with()) == (5, 2)
    assert credentials_of(by_path, raw, scope_with()) == {"RoleArn": raw["role"]}
    assert limits_of(state_of(TASK), {}, scope_with()) == (None, None)
    assert credentials_of(state_of(TASK), {}, scope_with()) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Finished({"Error": "E", "Cause": "C"})),
        ({"ResultPath": "$.error"}, Finished({**RAW, "error": {"Error": "E", "Cause": "C"}})),
        ({"ResultPath": None}, Finished(RAW)),
        (
            {"ResultPath": None, "Assign": {"what.$": "$.Error", "n.$": "$n"}},
            Finished(RAW, {"what": "E", "n": 1}),
        ),
    ],
)
def test_a_caught_error_is_placed_into_the_raw_input(fields: Any, expected: Finished) -> None:
    state = state_of({**TASK, "Catch": [{"ErrorEquals": ["E"], "Next": "Z", **fields}]})
    assert caught(state, state.catchers[0], RAW, "E", "C", scope_with(n=1)) == expected


@pytest.mark.parametrize("letter", ["a", "é", "\U0001f600", '"'])
def test_payloads_are_measured_as_utf8_json_text(letter: str) -> None:
    width = len(letter.encode()) + (letter == '"')
    room = MAX_PAYLOAD_BYTES - 2
    largest = letter * (room // width) + "a" * (room % width)
    state = state_of(TASK)
    check_size(largest, state, scope_with())
    with pytest.raises(StatesError) as raised:
        check_size(largest + "a", state, scope_with())
    assert raised.value.error == "States.DataLimitExceeded"
    assert raised.value.cause == (
        "The state/task 'S' returned a result with a size exceeding the maximum number of bytes "
        "service limit."
    )
