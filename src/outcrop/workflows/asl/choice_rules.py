"""The conditions of Choice states in JSONPath: 39 comparisons, And, Or and Not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from outcrop.workflows.asl.errors import RUNTIME, Problem
from outcrop.workflows.asl.jsonpath import PathMiss
from outcrop.workflows.asl.machine import Evaluator, Scope
from outcrop.workflows.asl.references import Reference

_RFC3339: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})"
)
_ESCAPED: Final = re.compile(r"\\([\\*])|(\*)")

Compare = Callable[[Any, Any], bool]


def timestamp_of(text: Any) -> tuple[datetime, str] | None:
    """Return a timestamp as what orders it, or None where a value is no RFC 3339 timestamp.

    The fraction is kept as text, so that any number of digits compares.
    """
    found = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
        return moment.astimezone(UTC), (found[2] or "").rstrip("0")
    except (ValueError, OverflowError):
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _texts(compare: Compare) -> Compare:
    return lambda left, right: (
        isinstance(left, str) and isinstance(right, str) and compare(left, right)
    )


def _numbers(compare: Compare) -> Compare:
    return lambda left, right: _is_number(left) and _is_number(right) and compare(left, right)


def _moments(compare: Compare) -> Compare:
    def apply(left: Any, right: Any) -> bool:
        first, second = timestamp_of(left), timestamp_of(right)
        return first is not None and second is not None and compare(first, second)

    return apply


_ORDERS: Final[Mapping[str, Compare]] = {
    "Equals": lambda left, right: left == right,
    "LessThan": lambda left, right: left < right,
    "GreaterThan": lambda left, right: left > right,
    "LessThanEquals": lambda left, right: left <= right,
    "GreaterThanEquals": lambda left, right: left >= right,
}
COMPARISONS: Final[Mapping[str, Compare]] = {
    **{f"String{order}": _texts(compare) for order, compare in _ORDERS.items()},
    **{f"Numeric{order}": _numbers(compare) for order, compare in _ORDERS.items()},
    **{f"Timestamp{order}": _moments(compare) for order, compare in _ORDERS.items()},
    "BooleanEquals": lambda left, right: isinstance(left, bool) and left is right,
}
PATH_COMPARISONS: Final = frozenset(f"{name}Path" for name in COMPARISONS)
TYPE_TESTS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "IsNull": lambda value: value is None,
    "IsString": lambda value: isinstance(value, str),
    "IsNumeric": _is_number,
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: timestamp_of(value) is not None,
}
OPERATORS: Final = (
    frozenset(COMPARISONS)
    | PATH_COMPARISONS
    | frozenset(TYPE_TESTS)
    | {"IsPresent", "StringMatches"}
)


def compile_condition(rule: Mapping[str, Any]) -> Evaluator:
    """Return what tells whether a rule holds; data are the state's effective input.

    Raises:
        ValueError: the rule holds no operator, or its Variable is no path.
    """
    if "And" in rule:
        parts = [compile_condition(part) for part in rule["And"]]
        return lambda data, scope: all(part(data, scope) for part in parts)
    if "Or" in rule:
        choices = [compile_condition(part) for part in rule["Or"]]
        return lambda data, scope: any(choice(data, scope) for choice in choices)
    if "Not" in rule:
        inner = compile_condition(rule["Not"])
        return lambda data, scope: not inner(data, scope)
    for operator in rule:
        if operator in OPERATORS:
            return _comparison(Reference(rule["Variable"]), operator, rule[operator])
    raise ValueError("A rule needs an operator")


def _comparison(variable: Reference, operator: str, operand: Any) -> Evaluator:
    if operator == "IsPresent":
        return _presence(variable, is_wanted=operand)
    look_up = _reader(variable)
    if operator in TYPE_TESTS:
        test = TYPE_TESTS[operator]
        return lambda data, scope: test(look_up(data, scope)) is operand
    if operator == "StringMatches":
        pattern = wildcard_pattern(operand)

        def matches(data: Any, scope: Scope) -> bool:
            value = look_up(data, scope)
            return isinstance(value, str) and pattern.fullmatch(value) is not None

        return matches
    if operator in PATH_COMPARISONS:
        other = _reader(Reference(operand))
        compare = COMPARISONS[operator.removesuffix("Path")]
        return lambda data, scope: compare(look_up(data, scope), other(data, scope))
    compare = COMPARISONS[operator]
    return lambda data, scope: compare(look_up(data, scope), operand)


def _presence(variable: Reference, *, is_wanted: bool) -> Evaluator:
    read = variable.read

    def is_present(data: Any, scope: Scope) -> bool:
        try:
            found = read(data, scope)
        except PathMiss:
            return not is_wanted
        is_there = variable.path.is_definite or bool(found)
        return is_there is is_wanted

    return is_present


def _reader(reference: Reference) -> Evaluator:
    read = reference.read

    def look_up(data: Any, scope: Scope) -> Any:
        try:
            return read(data, scope)
        except PathMiss:
            raise Problem(
                RUNTIME,
                f"Invalid path '{reference.text}': The choice state's condition path references "
                f"an invalid value.",
            ) from None

    return look_up


def wildcard_pattern(text: str) -> re.Pattern[str]:
    r"""Return the pattern of StringMatches: `*` for any characters, `\*` for a star."""
    parts: list[str] = []
    at = 0
    for found in _ESCAPED.finditer(text):
        parts.append(re.escape(text[at : found.start()]))
        parts.append(".*" if found[2] else re.escape(found[1]))
        at = found.end()
    parts.append(re.escape(text[at:]))
    return re.compile("".join(parts), re.DOTALL)
