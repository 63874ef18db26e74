"""JSONata as Step Functions speaks it: its functions, its fields and its failures."""

import subprocess
import sys
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.workflows.asl.data_flow import (
    Chosen,
    Finished,
    StatesError,
    arguments,
    caught,
    choose,
    failure_of,
    finish,
    limits_of,
    pass_through,
    wait_of,
)
from outcrop.workflows.asl.outcomes import Wait
from support.asl_states import TASK, scope_with, state_of, told

RAW = {"a": {"b": [1, 2]}, "none": None, "one": [5], "text": "x", "n": 3}
OPENING = "The JSONata expression '{}' specified for the field 'Output' "


def jsonata(state: dict[str, Any]) -> Any:
    return state_of(state, QueryLanguage="JSONata")


def output(expression: str, **variables: Any) -> Any:
    state = jsonata({"Type": "Pass", "Output": f"{{% {expression} %}}"})
    return pass_through(state, RAW, scope_with(**variables)).output


def refused(function: Any, *values: Any) -> StatesError:
    with pytest.raises(StatesError) as raised:
        function(*values)
    assert raised.value.error == "States.QueryEvaluationError"
    assert raised.value.is_evaluation
    return raised.value


def complaint(expression: str, **variables: Any) -> str:
    error = refused(lambda: output(expression, **variables))
    assert error.location == "Output"
    opening = OPENING.format(expression)
    cause = told(error)[1]
    assert cause.startswith(opening)
    return cause.removeprefix(opening)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$states.input", RAW),
        ("$states.input.a.b", [1, 2]),
        ("$states.input.a.b[1]", 2),
        ("$states.input.none", None),
        ("$states.input.one", [5]),
        ("$states.context.Execution.Input.from", "start"),
        ("$v", {"k": 1}),
        ("$v.k + 1", 2),
        ("1 + 2", 3),
        ("$sum($states.input.a.b)", 3),
        ("{'a': $nothing, 'b': null}", {"b": None}),
        ("[1..5]", [1, 2, 3, 4, 5]),
        ("$map([1, 2], function($v) { $v * 2 })", [2, 4]),
        ("'text' & $states.input.text", "textx"),
        ("$states.input.n > 2 ? 'many' : 'few'", "many"),
        ("( $x := 5; $x * $x )", 25),
    ],
)
def test_an_expression_comes_to_its_value(expression: str, expected: Any) -> None:
    assert output(expression, v={"k": 1}) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$partition([1, 2, 3, 4, 5], 2)", [[1, 2], [3, 4], [5]]),
        ("$range(0, 10, 2)", [0, 2, 4, 6, 8, 10]),
        ("$range(10, 0, -2)", [10, 8, 6, 4, 2, 0]),
        ("$hash('Hello', 'MD5')", "8b1a9953c4611296a827abf8c47804d7"),
        ("$hash('Hello', 'SHA-1')", "f7ff9e8b7bb2e09b70935a5d785e0cc5d9d0abf0"),
        ("$random(42)", 0.7275636800328681),
        ("$random(0)", 0.730967787376657),
        ("$parse('{\"a\": [1, null]}')", {"a": [1, None]}),
        ("$parse('null')", None),
        ("$map(['{\"a\": 1}', '{\"a\": 2}'], $parse).a", [1, 2]),
    ],
)
def test_the_functions_of_step_functions_are_there(expression: str, expected: Any) -> None:
    assert output(expression) == expected


def test_uuids_and_draws_are_fresh() -> None:
    assert UUID(output("$uuid()")).version == 4
    assert output("$uuid()") != output("$uuid()")
    assert 0 <= output("$random()") < 1


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("$states.input.missing", "returned nothing (undefined)."),
        ("$sum(['a'])",
         ('threw an error during evaluation. T0412: Argument 1 of function "sum" must be an array '
         'of "numbers"')),
        ("1 < 'a'",
         ('threw an error during evaluation. T2009: The values 1 and "a" either side of operator '
         '"<" must be of the same data type')),
        ("1 + {}",
         ('threw an error during evaluation. T2002: The right side of the "+" operator must '
         "evaluate to a number")),
        ("$nosuch(1)", "threw an error during evaluation. T1006: Attempted to invoke a non-function"),
        ("$eval('1')", "threw an error during evaluation. T1006: Attempted to invoke a non-function"),
        ("$parse('x')", "threw an error during evaluation. D3137: Invalid JSON"),
        ("$partition([1], -1)",
         "threw an error during evaluation. D3137: Second argument must be zero or greater"),
        ("$hash('a', 'md5')",
         ("threw an error during evaluation. D3137: Hash algorithm 'md5' must be one of SHA-1, "
         "SHA-384, SHA-256, SHA-512, MD5")),
        ("$uuid(1)",
         ('threw an error during evaluation. T0410: Argument 1 of function "uuid" does not match '
         "function signature")),
        ("1 / 0", "threw an error during evaluation. D1001: Number out of range: null"),
        ("function($x) { $x }", "returned an unsupported result type."),
    ],
)  # fmt: skip
def test_a_failing_expression_is_told_with_its_field(expression: str, reason: str) -> None:
    assert complaint(expression) == reason


def test_recursion_without_end_is_cut_off() -> None:
    assert "Stack overflow error" in complaint("($f := function($x) { 1 + $f($x) }; $f(1))")


def test_a_field_within_an_object_is_located() -> None:
    state = jsonata({"Type": "Pass", "Output": {"v": "{% $states.input.missing %}"}})
    error = refused(pass_through, state, RAW, scope_with())
    assert error.location == "Output/v"
    assert error.state == "S"
    assert error.cause == (
        "An error occurred while executing the state 'S' (entered at the event id #2). The "
        "JSONata expression '$states.input.missing' specified for the field 'Output/v' returned "
        "nothing (undefined)."
    )


def test_texts_that_are_no_expressions_stay_as_they_are() -> None:
    fixed = {"a": "$states.input", "b": [1, None, "{% 1 + 1 %}"], "c.$": "$.a"}
    state = jsonata({"Type": "Pass", "Output": fixed})
    assert pass_through(state, RAW, scope_with()).output == {
        "a": "$states.input",
        "b": [1, None, 2],
        "c.$": "$.a",
    }


def test_a_task_computes_arguments_output_and_variables() -> None:
    state = jsonata(
        {
            **TASK,
            "TimeoutSeconds": "{% $states.input.n * 10 %}",
            "Arguments": {"n": "{% $states.input.n %}"},
            "Output": {"sum": "{% $states.result.x + $states.input.n %}"},
            "Assign": {"kept": "{% $states.result %}", "old": "{% $v %}"},
        }
    )
    scope = scope_with(v=1)
    assert arguments(state, RAW, scope) == {"n": 3}
    assert limits_of(state, RAW, scope) == (30, None)
    assert finish(state, RAW, RAW, {"x": 4}, scope) == Finished(
        {"sum": 7}, {"kept": {"x": 4}, "old": 1}
    )


def test_without_output_a_task_gives_its_result_and_a_pass_its_input() -> None:
    scope = scope_with()
    assert finish(jsonata(TASK), RAW, RAW, [1], scope) == Finished([1])
    assert pass_through(jsonata({"Type": "Pass"}), RAW, scope) == Finished(RAW)
    assert arguments(jsonata(TASK), RAW, scope) == RAW


def choice(condition: Any, **fields: Any) -> Any:
    rule = {"Condition": condition, "Next": "Z", "Output": "{% $states.input.n %}"}
    return jsonata({"Type": "Choice", "Choices": [rule], "Default": "Z", **fields})


def test_a_choice_takes_the_first_condition_that_is_true() -> None:
    state = choice("{% $states.input.n > 2 %}", Output="default", Assign={"by": "default"})
    assert choose(state, {"n": 3}, scope_with()) == Chosen("Z", 3)
    assert choose(state, {"n": 1}, scope_with()) == Chosen("Z", "default", {"by": "default"})


def test_a_condition_must_be_a_boolean() -> None:
    error = refused(choose, choice("{% $states.input.n %}"), {"n": 3}, scope_with())
    assert "returned an unexpected result type. Expected 'boolean', but was 'number'" in error.cause


def test_a_wait_and_a_fail_compute_their_fields() -> None:
    seconds = jsonata({"Type": "Wait", "Seconds": "{% $states.input.n * 2 %}"})
    assert wait_of(seconds, RAW, scope_with()) == Wait(seconds=6)
    until = jsonata({"Type": "Wait", "Timestamp": "{% $states.input.text %}"})
    assert wait_of(until, {"text": "2024-05-01T12:00:00Z"}, scope_with()) == Wait(
        timestamp="2024-05-01T12:00:00Z"
    )
    fail = jsonata({"Type": "Fail", "Error": "{% 'My.' & $states.input.text %}", "Cause": "c"})
    assert failure_of(fail, RAW, scope_with()) == ("My.x", "c")


def test_a_catch_sees_the_error_output() -> None:
    catcher = {
        "ErrorEquals": ["States.ALL"],
        "Next": "Z",
        "Output": {"why": "{% $states.errorOutput.Cause %}"},
        "Assign": {"what": "{% $states.errorOutput.Error %}"},
    }
    state = jsonata({**TASK, "Catch": [catcher]})
    assert caught(state, state.catchers[0], RAW, "E", "C", scope_with()) == Finished(
        {"why": "C"}, {"what": "E"}
    )


def test_a_failing_catch_is_located_by_its_number() -> None:
    failing = {"ErrorEquals": ["B"], "Next": "Z", "Output": {"v": "{% $states.input.missing %}"}}
    state = jsonata({**TASK, "Catch": [{"ErrorEquals": ["A"], "Next": "Z"}, failing]})
    error = refused(caught, state, state.catchers[1], RAW, "B", "C", scope_with())
    assert error.location == "Catch[1]/Output/v"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@settings(deadline=None, max_examples=60)
@given(JSON)
def test_values_pass_through_references_and_expressions_unchanged(value: Any) -> None:
    scope = scope_with(v=value)
    direct = jsonata({"Type": "Pass", "Output": {"x": "{% $v %}"}})
    assert pass_through(direct, {}, scope).output == {"x": value}
    interpreted = jsonata({"Type": "Pass", "Output": "{% {'x': $states.input.v} %}"})
    assert pass_through(interpreted, {"v": value}, scope).output == {"x": value}


def test_the_library_leaves_the_recursion_limit_of_the_process_alone() -> None:
    script = (
        "import sys; limit = sys.getrecursionlimit();"
        "from outcrop.workflows.asl.jsonata import expression;"
        "assert expression('1 + 1').evaluate({}, {}, 'Output') == 2;"
        "sys.exit(sys.getrecursionlimit() != limit)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
