"""The eighteen intrinsic functions, called as definitions call them."""

import hashlib
import json
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.workflows.asl.errors import Problem
from outcrop.workflows.asl.intrinsic_calls import CallSyntaxError, IntrinsicCall
from outcrop.workflows.asl.intrinsics import FUNCTIONS, same
from outcrop.workflows.asl.machine import Scope

SCOPE = Scope({"Execution": {"Name": "run-1"}}, {"colour": "red"}, 2)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def call(text: str, data: Any = None) -> Any:
    return IntrinsicCall(text).evaluate(data, SCOPE)


def refused(text: str, data: Any = None) -> tuple[str, str]:
    with pytest.raises(Problem, match="had the following error") as raised:
        call(text, data)
    return raised.value.error, raised.value.tail


TABLE: list[tuple[str, Any, Any]] = [
    ("States.Format('Hello, {}!', $.name)", {"name": "Ada"}, "Hello, Ada!"),
    ("States.Format('{} {} {}', 1, true, null)", None, "1 true null"),
    (r"States.Format('\{\} {} it\'s', 'x')", None, "{} x it's"),
    ("States.Format($.template, 7)", {"template": "no. {}"}, "no. 7"),
    ("States.Format('{}', $.o)", {"o": {"Arg1": 1, "Arg2": []}}, "{Arg1=1, Arg2=[]}"),
    ("States.Format('{}-{}', $colour, $$.Execution.Name)", {}, "red-run-1"),
    ("States.StringToJson($.text)", {"text": '{"n": [1, null]}'}, {"n": [1, None]}),
    ("States.JsonToString($.v)", {"v": {"a": [1, "é"], "b": None}}, '{"a":[1,"é"],"b":null}'),
    ("States.Array()", None, []),
    ("States.Array(1, 'two', $.three, null)", {"three": [3]}, [1, "two", [3], None]),
    ("States.ArrayPartition($.v, 4)", {"v": [*range(1, 10)]}, [[1, 2, 3, 4], [5, 6, 7, 8], [9]]),
    ("States.ArrayPartition($.v, 1.6)", {"v": [1, 2, 3]}, [[1, 2], [3]]),
    ("States.ArrayContains($.v, 5)", {"v": [4, 5]}, True),
    ("States.ArrayContains($.v, true)", {"v": [1]}, False),
    ("States.ArrayContains($.v, $.w)", {"v": [{"a": 1}], "w": {"a": 1}}, True),
    ("States.ArrayRange(1, 9, 2)", None, [1, 3, 5, 7, 9]),
    ("States.ArrayRange(3, 1, -1)", None, [3, 2, 1]),
    ("States.ArrayRange(1, 0, 1)", None, []),
    ("States.ArrayGetItem($.v, 1)", {"v": ["a", "b"]}, "b"),
    ("States.ArrayLength($.v)", {"v": [1, [2], 3]}, 3),
    ("States.ArrayUnique($.v)", {"v": [1, 2, 1, "1", True, 1.0]}, [1, 2, "1", True]),
    ("States.Base64Encode('Data to encode')", None, "RGF0YSB0byBlbmNvZGU="),
    ("States.Base64Decode('RGVjb2RlZCBkYXRh')", None, "Decoded data"),
    ("States.JsonMerge($.a, $.b, false)",
     {"a": {"k": {"x": 1}, "l": 1}, "b": {"k": {"y": 2}}}, {"k": {"y": 2}, "l": 1}),
    ("States.MathAdd(111, -1)", None, 110),
    ("States.MathAdd(1.49, 1.5)", None, 3),
    ("States.MathAdd(-1.49, -1.5)", None, -2),
    ("States.StringSplit('1,2,3,4,5', ',')", None, ["1", "2", "3", "4", "5"]),
    ("States.StringSplit('This.is+a,test=string', '.+,=')", None,
     ["This", "is", "a", "test", "string"]),
    ("States.StringSplit(',,a,,b,', ',')", None, ["a", "b"]),
    ("States.ArrayGetItem(States.StringSplit('a:b', ':'), States.MathAdd(0, 1))", None, "b"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "data", "expected"), TABLE)
def test_a_call_comes_to_its_documented_value(text: str, data: Any, expected: Any) -> None:
    assert call(text, data) == expected


def test_every_function_of_the_language_is_known() -> None:
    assert len(FUNCTIONS) == 18
    called = {name for name in FUNCTIONS if any(f"{name}(" in text for text, _, _ in TABLE)}
    assert FUNCTIONS.keys() - called == {"States.Hash", "States.MathRandom", "States.UUID"}


@pytest.mark.parametrize("name", ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"])
def test_a_hash_is_the_digest_in_hexadecimal(name: str) -> None:
    expected = hashlib.new(name.replace("SHA-", "sha").lower(), b"input data").hexdigest()
    assert call(f"States.Hash('input data', '{name}')") == expected


def test_an_object_is_hashed_as_its_json_text() -> None:
    expected = hashlib.sha256(b'{"a":1}').hexdigest()
    assert call("States.Hash($, 'SHA-256')", {"a": 1}) == expected


@pytest.mark.parametrize("text", ["", "  ", "null"])
def test_a_blank_text_is_null(text: str) -> None:
    assert call("States.StringToJson($)", text) is None


def test_a_uuid_is_fresh_and_of_version_four() -> None:
    first, second = call("States.UUID()"), call("States.UUID()")
    assert first != second
    assert uuid.UUID(first).version == 4


def test_a_seed_always_gives_the_same_number() -> None:
    numbers = {call(f"States.MathRandom(1, 1000, {seed})") for seed in range(50)}
    assert numbers == {call(f"States.MathRandom(1, 1000, {seed})") for seed in range(50)}
    assert len(numbers) > 30
    assert all(1 <= number < 1000 for number in numbers)


def test_a_random_number_stays_below_its_end() -> None:
    assert {call("States.MathRandom(1, 3)") for _ in range(200)} == {1, 2}


@pytest.mark.parametrize(
    ("text", "data", "reason"),
    [
        ("States.Format('{} {}', 1)", None, "does not match the occurrences"),
        ("States.Format($.x, 1)", {"x": 5}, "must be a string"),
        ("States.StringToJson('{')", None, "not a valid JSON string"),
        ("States.ArrayPartition($, 0)", [1], "positive integer"),
        ("States.ArrayPartition('a', 1)", None, "must be an array"),
        ("States.ArrayContains(1, 1)", None, "must be an array"),
        ("States.ArrayRange(1, 2, 0)", None, "must not be zero"),
        ("States.ArrayRange(0, 1001, 1)", None, "more than 1000"),
        ("States.ArrayGetItem($, 2)", [1, 2], "out of bounds"),
        ("States.ArrayGetItem($, -1)", [1, 2], "out of bounds"),
        ("States.ArrayGetItem($, 'a')", [1, 2], "must be an integer"),
        ("States.ArrayLength('abc')", None, "must be an array"),
        ("States.ArrayUnique(1)", None, "must be an array"),
        ("States.Base64Encode(1)", None, "must be a string"),
        ("States.Base64Encode($)", "a" * 10_001, "longer than 10000"),
        ("States.Base64Decode('%')", None, "not a valid base64 string"),
        ("States.Hash('a', 'CRC')", None, "algorithm must be one of"),
        ("States.JsonMerge($, $, true)", {}, "Only shallow merging"),
        ("States.JsonMerge($, 1, false)", {}, "must be objects"),
        ("States.MathRandom(5, 5)", None, "greater than the first"),
        ("States.MathAdd('1', 1)", None, "must be a number"),
        ("States.MathAdd(true, 1)", None, "must be a number"),
        ("States.StringSplit('a', '')", None, "must not be empty"),
    ],
)  # fmt: skip
def test_arguments_that_a_function_cannot_take_are_an_intrinsic_failure(
    text: str, data: Any, reason: str
) -> None:
    error, cause = refused(text, data)
    assert error == "States.IntrinsicFailure"
    assert cause.startswith(f"The function '{text}' had the following error: ")
    assert reason in cause


def test_a_path_that_names_nothing_is_a_runtime_error_with_the_input() -> None:
    assert refused("States.Format('{}', $.nope)", {"other": 1}) == (
        "States.Runtime",
        (
            "The function 'States.Format('{}', $.nope)' had the following error: The JsonPath "
            "argument for the field '$.nope' could not be found in the input '{\"other\":1}'"
        ),
    )


def test_a_path_into_the_context_is_shown_from_its_root() -> None:
    _, cause = refused("States.Array($$.Nope)", {})
    assert "for the field '$.Nope' could not be found in the input '{}'" in cause


@pytest.mark.parametrize(
    "text",
    [
        "States.Nope()",
        "States.UUID(1)",
        "States.MathAdd(1)",
        "States.MathAdd(1, 2",
        "States.MathAdd(1, 2) x",
        "States.MathAdd(1 2)",
        "States.Format('a",
        r"States.Format('\"')",
        r"States.Format('\n')",
        "States.Array(nope)",
        "States.Array($.[)",
        "States.Array(" * 11 + ")" * 11,
    ],
)
def test_what_is_no_call_is_refused_when_the_definition_is_read(text: str) -> None:
    with pytest.raises(CallSyntaxError) as raised:
        IntrinsicCall(text)
    assert str(raised.value)


def test_calls_may_be_nested_ten_deep() -> None:
    assert call("States.Array(" * 10 + ")" * 10) == [[[[[[[[[[]]]]]]]]]]


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_base64_gives_back_what_it_took(text: str) -> None:
    assert call("States.Base64Decode(States.Base64Encode($))", text) == text


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers()), st.integers(1, 12))
def test_chunks_in_a_row_are_the_array(values: list[int], size: int) -> None:
    chunks = call(f"States.ArrayPartition($, {size})", values)
    assert [value for chunk in chunks for value in chunk] == values
    assert all(len(chunk) == size for chunk in chunks[:-1])


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
        lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    )
)
def test_json_text_reads_back_as_the_value(value: Any) -> None:
    text = call("States.JsonToString($)", value)
    assert json.loads(text) == value
    assert same(call("States.StringToJson($)", text), value)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 5) | st.booleans()))
def test_unique_values_are_each_contained_once(values: list[Any]) -> None:
    unique = call("States.ArrayUnique($)", values)
    for value in values:
        assert sum(same(value, kept) for kept in unique) == 1


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_a_literal_holds_any_text_once_it_is_escaped(text: str) -> None:
    escaped = "".join(f"\\{letter}" if letter in "'{}\\" else letter for letter in text)
    assert call(f"States.Format('{escaped}')") == text
    assert call(f"States.Array('{escaped}')") == [text]
