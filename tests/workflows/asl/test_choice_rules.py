"""The operators of Choice states, each with values that fit and values that do not."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.workflows.asl.choice_rules import OPERATORS, compile_condition, timestamp_of
from outcrop.workflows.asl.errors import Problem
from outcrop.workflows.asl.machine import Scope

SCOPE = Scope({"State": {"Name": "C"}}, {"limit": 10}, 2)
NOON = "2024-05-01T12:00:00Z"
LATER = "2024-05-01T12:00:00.5Z"


def holds(rule: dict[str, Any], data: Any) -> bool:
    result = compile_condition(rule)(data, SCOPE)
    assert isinstance(result, bool)
    return result


# Operator, operand, a value that fits, values that do not.
TABLE: list[tuple[str, Any, Any, list[Any]]] = [
    ("StringEquals", "b", "b", ["a", "B", 1, None, ["b"]]),
    ("StringLessThan", "b", "a", ["b", "c", 1, None]),
    ("StringGreaterThan", "b", "c", ["b", "a", 1]),
    ("StringLessThanEquals", "b", "b", ["c", False]),
    ("StringGreaterThanEquals", "b", "b", ["a", {}]),
    ("NumericEquals", 1, 1.0, [2, "1", True, None]),
    ("NumericLessThan", 1, 0, [1, 2, "0", False]),
    ("NumericGreaterThan", 1, 1.5, [1, 0, "2", True]),
    ("NumericLessThanEquals", 1, 1, [2, "1", True]),
    ("NumericGreaterThanEquals", 1, 1, [0, "1", True]),
    ("BooleanEquals", True, True, [False, 1, "true", None]),
    ("TimestampEquals", NOON, "2024-05-01T14:00:00+02:00", [LATER, "noon", 1]),
    ("TimestampLessThan", LATER, NOON, [LATER, "noon", None]),
    ("TimestampGreaterThan", NOON, LATER, [NOON, "noon"]),
    ("TimestampLessThanEquals", NOON, "2024-05-01T12:00:00.000Z", [LATER, "noon"]),
    ("TimestampGreaterThanEquals", NOON, NOON, ["2024-05-01T11:59:59.999Z", "noon"]),
    ("StringMatches", "a*.log", "abc.log", ["abc.txt", "b.log", 1, None]),
    ("IsNull", True, None, [0, "", False, {}]),
    ("IsString", True, "", [1, None, ["a"]]),
    ("IsNumeric", True, 1.5, ["1", True, None]),
    ("IsBoolean", True, False, [0, "true", None]),
    ("IsTimestamp", True, NOON, ["2024-05-01", "2024-13-01T00:00:00Z", 5, "2024-05-01 12:00:00Z"]),
]
DIRECT = [row for row in TABLE if not row[0].startswith("Is") and row[0] != "StringMatches"]


@pytest.mark.parametrize(("operator", "operand", "fitting", "others"), TABLE)
def test_an_operator_holds_for_what_fits_alone(
    operator: str, operand: Any, fitting: Any, others: list[Any]
) -> None:
    rule = {"Variable": "$.v", operator: operand}
    assert holds(rule, {"v": fitting})
    assert [value for value in others if holds(rule, {"v": value})] == []


@pytest.mark.parametrize(("operator", "operand", "fitting", "others"), DIRECT)
def test_an_operator_with_a_path_compares_with_what_the_path_names(
    operator: str, operand: Any, fitting: Any, others: list[Any]
) -> None:
    rule = {"Variable": "$.v", f"{operator}Path": "$.with[0]"}
    assert holds(rule, {"v": fitting, "with": [operand]})
    assert [value for value in others if holds(rule, {"v": value, "with": [operand]})] == []


def test_every_operator_is_in_the_tables() -> None:
    assert len(OPERATORS) == 39
    tested = {row[0] for row in TABLE} | {f"{row[0]}Path" for row in DIRECT} | {"IsPresent"}
    assert tested == OPERATORS


@pytest.mark.parametrize(
    "operator", ["IsNull", "IsString", "IsNumeric", "IsBoolean", "IsTimestamp"]
)
def test_a_type_test_against_false_is_its_opposite(operator: str) -> None:
    values: list[Any] = [None, "", NOON, 1, True, {}, []]
    for value in values:
        rule = {"Variable": "$", operator: True}
        assert holds(rule, value) is not holds({**rule, operator: False}, value)


@pytest.mark.parametrize(
    ("variable", "data", "expected"),
    [
        ("$.a", {"a": None}, True),
        ("$.a", {}, False),
        ("$.a.b", {"a": 1}, False),
        ("$.a[1]", {"a": [1]}, False),
        ("$.a[*]", {"a": [1]}, True),
        ("$.a[*]", {"a": []}, False),
        ("$limit", {}, True),
        ("$$.State.Name", {}, True),
        ("$$.State.Nope", {}, False),
    ],
)
def test_presence_is_told_without_failing(variable: str, data: Any, expected: bool) -> None:
    assert holds({"Variable": variable, "IsPresent": True}, data) is expected
    assert holds({"Variable": variable, "IsPresent": False}, data) is not expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "", True),
        ("a*", "a\nb", True),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        (r"a\\*", r"a\xyz", True),
        ("a.c", "abc", False),
        ("*.txt", "x.txt.gz", False),
        ("log-*.*", "log-1.txt", True),
    ],
)
def test_a_star_stands_for_any_characters_unless_escaped(
    pattern: str,
    text: str,
    expected: bool,
) -> None:
    assert holds({"Variable": "$", "StringMatches": pattern}, text) is expected


def test_and_or_and_not_combine_rules_of_any_depth() -> None:
    above = {"Variable": "$.n", "NumericGreaterThan": 1}
    below = {"Variable": "$.n", "NumericLessThanPath": "$limit"}
    within = {"And": [above, below]}
    assert [n for n in (0, 1, 2, 9, 10) if holds(within, {"n": n})] == [2, 9]
    outside = {"Or": [{"Not": above}, {"Not": below}]}
    assert [n for n in (0, 1, 2, 9, 10) if holds(outside, {"n": n})] == [0, 1, 10]
    assert holds({"Not": {"Or": [outside, {"Variable": "$.n", "IsString": True}]}}, {"n": 5})


def test_later_parts_are_not_looked_at_once_the_answer_is_known() -> None:
    present = {"Variable": "$.v", "IsPresent": True}
    equal = {"Variable": "$.v", "StringEquals": "x"}
    assert not holds({"And": [present, equal]}, {})
    assert holds({"Or": [{"Not": present}, equal]}, {})


@pytest.mark.parametrize(
    "rule",
    [
        {"Variable": "$.v", "StringEquals": "x"},
        {"Variable": "$.v", "IsNull": True},
        {"Variable": "$.other", "StringEqualsPath": "$.v"},
    ],
)
def test_a_path_to_nothing_ends_the_choice(rule: dict[str, Any]) -> None:
    with pytest.raises(Problem) as raised:
        holds(rule, {"other": "x"})
    assert raised.value.error == "States.Runtime"
    assert raised.value.tail == (
        "Invalid path '$.v': The choice state's condition path references an invalid value."
    )


@settings(deadline=None, max_examples=60)
@given(st.datetimes(timezones=st.timezones()), st.datetimes(timezones=st.timezones()))
def test_timestamps_are_ordered_as_the_moments_they_name(first: Any, second: Any) -> None:
    left = first.isoformat(timespec="microseconds")
    right = second.isoformat(timespec="microseconds")
    if timestamp_of(left) is None or timestamp_of(right) is None:
        return  # offsets with seconds are no RFC 3339
    rule = {"Variable": "$.a", "TimestampLessThanPath": "$.b"}
    assert holds(rule, {"a": left, "b": right}) is (first < second)


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(exclude_characters="\\*"), max_size=20), st.text(max_size=20))
def test_a_pattern_without_a_star_matches_itself_alone(pattern: str, text: str) -> None:
    rule = {"Variable": "$", "StringMatches": pattern}
    assert holds(rule, pattern)
    assert holds(rule, text) is (text == pattern)
