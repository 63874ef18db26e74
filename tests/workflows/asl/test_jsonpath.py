"""JSONPath as Step Functions reads it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.workflows.asl.errors import Problem
from outcrop.workflows.asl.jsonpath import PathMiss, PathSyntaxError, is_reference_path, json_path
from outcrop.workflows.asl.machine import Scope
from outcrop.workflows.asl.payloads import compile_payload

STORE = {
    "book": [
        {"title": "A", "price": 8, "tags": ["x", "y"]},
        {"title": "B", "price": 12, "isbn": "1"},
        {"title": "C", "price": 20, "isbn": "2"},
    ],
    "empty": [],
    "nothing": None,
    "a key": {"dotted.name": 1},
    "limit": 10,
}
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", STORE),
        ("$.limit", 10),
        ("$.nothing", None),
        ("$['a key']['dotted.name']", 1),
        ('$["limit"]', 10),
        ("$.book[0].title", "A"),
        ("$.book[-1].title", "C"),
        ("$.book[*].title", ["A", "B", "C"]),
        ("$.book.*.title", ["A", "B", "C"]),
        ("$.book[0,2].title", ["A", "C"]),
        ("$.book[0:2].title", ["A", "B"]),
        ("$.book[1:].title", ["B", "C"]),
        ("$.book[:1].title", ["A"]),
        ("$.book[-1:].title", ["C"]),
        ("$..title", ["A", "B", "C"]),
        ("$.book[0]['title','price']", {"title": "A", "price": 8}),
        ("$.book[?(@.isbn)].title", ["B", "C"]),
        ("$.book[?(!@.isbn)].title", ["A"]),
        ("$.book[?(@.price < 10)].title", ["A"]),
        ("$.book[?(@.price <= $.limit)].title", ["A"]),
        ("$.book[?(@.price > 10 && @.isbn == '2')].title", ["C"]),
        ("$.book[?(@.price < 10 || @.price == 20)].title", ["A", "C"]),
        ("$.book[?(@.title != 'A')].price", [12, 20]),
        ("$.book[?(@.title in ['A', 'C'])].price", [8, 20]),
        ("$.book[?(@.title nin ['A', 'C'])].price", [12]),
        ("$.book[?(@.title =~ /[ab]/i)].price", [8, 12]),
        ("$.book[?(@.price == 99)]", []),
        ("$.empty[*]", []),
        ("$..nope", []),
        ("$.book.length()", 3),
    ],
)
def test_a_path_names_its_values(path: str, expected: Any) -> None:
    assert json_path(path).read(STORE) == expected


@pytest.mark.parametrize(
    "path", ["$.nope", "$.limit.deeper", "$.book[7]", "$.book.title", "$.nope[*]"]
)
def test_a_definite_path_to_nothing_is_a_miss(path: str) -> None:
    with pytest.raises(PathMiss) as raised:
        json_path(path).read(STORE)
    assert raised.value.detail


@pytest.mark.parametrize(
    "text", ["", "a", "$.", "$[", "$['a", "$.a[", "$.a[?(]", "$.a[x]", "$ .a b"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(PathSyntaxError) as raised:
        json_path(text)
    assert raised.value.args


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$", True),
        ("$.a.b[0]['c d']", True),
        ("$.a[*]", False),
        ("$..a", False),
        ("$.a[0:1]", False),
        ("$.a[?(@.b)]", False),
        ("$.a[0,1]", False),
        ("no path", False),
    ],
)
def test_a_reference_path_has_names_and_single_indices_only(
    text: str,
    expected: bool,
) -> None:
    assert is_reference_path(text) is expected


def test_placing_a_value_makes_objects_and_leaves_the_document_alone() -> None:
    document = {"a": {"b": 1}, "l": [1, {"k": 2}]}
    assert json_path("$.a.c.d").place(document, 5) == {
        "a": {"b": 1, "c": {"d": 5}},
        "l": [1, {"k": 2}],
    }
    assert json_path("$.l[1].k").place(document, 5)["l"] == [1, {"k": 5}]
    assert document == {"a": {"b": 1}, "l": [1, {"k": 2}]}


@pytest.mark.parametrize("path", ["$.a.b.c", "$.l[2]", "$.a[0]"])
def test_a_value_cannot_be_placed_below_a_scalar_or_past_an_end(path: str) -> None:
    with pytest.raises(PathMiss, match="Unable to apply step"):
        json_path(path).place({"a": {"b": 1}, "l": [1, 2]}, 5)


@settings(deadline=None, max_examples=60)
@given(st.lists(NAMES, min_size=1, max_size=5), st.integers())
def test_what_was_placed_is_read_at_the_same_path(names: list[str], value: int) -> None:
    path = json_path(".".join(["$", *names]))
    assert path.read(path.place({}, value)) == value


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.integers(), min_size=1))
def test_any_name_can_be_read_in_brackets(document: dict[str, int]) -> None:
    for name, value in document.items():
        quoted = name.replace("\\", "\\\\").replace("'", "\\'")
        assert json_path(f"$['{quoted}']").read(document) == value


def fill(template: Any, data: Any) -> Any:
    scope = Scope({"Execution": {"Id": "e"}}, {"v": {"k": [1, 2]}}, 2)
    return compile_payload(template)(data, scope)


def test_a_payload_is_filled_at_its_marked_keys() -> None:
    template = {
        "plain": "$.not.read",
        "input.$": "$.a",
        "context.$": "$$.Execution.Id",
        "variable.$": "$v.k[1]",
        "call.$": "States.MathAdd($.a, 1)",
        "deep": [{"x.$": "$"}, 1, ["$.a"]],
    }
    assert fill(template, {"a": 1}) == {
        "plain": "$.not.read",
        "input": 1,
        "context": "e",
        "variable": 2,
        "call": 2,
        "deep": [{"x": {"a": 1}}, 1, ["$.a"]],
    }


def test_an_index_past_the_end_fills_in_null() -> None:
    assert fill({"x.$": "$.l[9]"}, {"l": [1]}) == {"x": None}


def test_a_payload_path_to_nothing_names_field_path_and_input() -> None:
    with pytest.raises(Problem) as raised:
        fill({"m.$": "$.nope"}, {"x": "a"})
    assert raised.value.error == "States.Runtime"
    assert raised.value.tail == (
        "The JSONPath '$.nope' specified for the field 'm.$' could not be found in the input "
        '\'{"x":"a"}\''
    )
