"""Single fields of states as evaluators: paths, numbers and texts, with AWS's words when they fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from outcrop.workflows.asl.choice_rules import timestamp_of
from outcrop.workflows.asl.errors import RESULT_PATH, RUNTIME, Problem
from outcrop.workflows.asl.intrinsic_calls import PREFIX, IntrinsicCall
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.asl.jsonata import compile_jsonata, compile_typed, is_expression
from outcrop.workflows.asl.jsonpath import PathMiss, json_path
from outcrop.workflows.asl.machine import Evaluator, QueryLanguage, Scope
from outcrop.workflows.asl.payloads import compile_payload
from outcrop.workflows.asl.references import WHOLE, Reference

Place = Callable[[Any, Any], Any]
_ABSENT: Final = object()


def constant(value: Any) -> Evaluator:
    """Return an evaluator that gives one value."""
    return lambda _data, _scope: value


def path_field(fields: Mapping[str, Any], name: str) -> Evaluator | None:
    """Return what InputPath or OutputPath reads; None for the whole, {} for null."""
    text = fields.get(name, WHOLE)
    if text == WHOLE:
        return None
    if text is None:
        return constant({})
    return required_path(text)


def required_path(text: str) -> Evaluator:
    """Return what reads a path (or calls a function) that must name something."""
    if text.startswith(PREFIX):
        return IntrinsicCall(text).evaluate
    reference = Reference(text)
    read = reference.read

    def evaluate(data: Any, scope: Scope) -> Any:
        try:
            return read(data, scope)
        except PathMiss as miss:
            raise Problem(RUNTIME, f"Invalid path '{text}' : {miss.detail}") from miss

    return evaluate


def result_path(fields: Mapping[str, Any]) -> tuple[Place | None, bool]:
    """Return how ResultPath places a result, and whether it drops it."""
    text = fields.get("ResultPath", WHOLE)
    if text == WHOLE:
        return None, False
    if text is None:
        return None, True
    path = json_path(text)

    def place(raw_input: Any, result: Any) -> Any:
        try:
            return path.place(raw_input, result)
        except PathMiss as miss:
            raise Problem(
                RESULT_PATH,
                f"Unable to apply ReferencePath {text} to input {compact(raw_input)}",
            ) from miss

    return place, False


def template_field(value: Any, name: str, language: QueryLanguage) -> Evaluator:
    """Return what evaluates a payload in the state's language."""
    return compile_payload(value) if language == "JSONPath" else compile_jsonata(value, name)


def optional_template(
    fields: Mapping[str, Any], name: str, language: QueryLanguage, place: str = ""
) -> Evaluator | None:
    """Return what evaluates a payload field, or None where it is absent."""
    value = fields.get(name, _ABSENT)
    return None if value is _ABSENT else template_field(value, place + name, language)


def number_field(
    fields: Mapping[str, Any],
    name: str,
    language: QueryLanguage,
    check: Callable[[Any, str], Any],
    place: str = "",
) -> Evaluator | None:
    """Return what evaluates a number written as such, by `…Path`, or as an expression.

    Args:
        check: takes the value and the path it came from, returns the number or raises Problem.
        place: the field's whereabouts in the state, with a slash at its end.
    """
    text = fields.get(f"{name}Path")
    if text is not None and language == "JSONPath":
        read = required_path(text)
        return lambda data, scope: check(read(data, scope), text)
    value = fields.get(name)
    if value is None:
        return None
    if language == "JSONata" and is_expression(value):
        return compile_typed(value, place + name, "number")
    return constant(value)


def long_value(name: str) -> Callable[[Any, str], int]:
    """Return the check of SecondsPath and its kin: a whole number, not negative."""

    def check(value: Any, text: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            shown = value if isinstance(value, str) else compact(value)
            raise Problem(
                RUNTIME,
                f"The {name} parameter cannot be parsed as a long value: {text} == {shown}",
            )
        if value < 0:
            raise Problem(
                RUNTIME, f"The {name} parameter references a negative value: {text} == {value}"
            )
        return value

    return check


def seconds_path(text: str) -> Evaluator:
    """Return what reads a Wait's SecondsPath."""
    reference = Reference(text)
    check = long_value("SecondsPath")

    def evaluate(data: Any, scope: Scope) -> Any:
        try:
            value = reference.read(data, scope)
        except PathMiss as miss:
            raise Problem(
                RUNTIME, f"The SecondsPath parameter does not reference an input value: {text}"
            ) from miss
        return check(value, text)

    return evaluate


def timestamp_path(text: str) -> Evaluator:
    """Return what reads a Wait's TimestampPath."""
    reference = Reference(text)

    def evaluate(data: Any, scope: Scope) -> Any:
        try:
            value = reference.read(data, scope)
        except PathMiss as miss:
            raise Problem(
                RUNTIME, f"The TimestampPath parameter does not reference an input value: {text}"
            ) from miss
        return checked_timestamp(value, "TimestampPath", text)

    return evaluate


def checked_timestamp(value: Any, name: str, text: str) -> str:
    """Return a timestamp, or raise the Problem of a text that is none."""
    if isinstance(value, str) and timestamp_of(value) is not None:
        return value
    shown = value if isinstance(value, str) else compact(value)
    raise Problem(
        RUNTIME,
        f"The {name} parameter does not reference a valid ISO-8601 extended offset date-time "
        f"format string: {text} == {shown}",
    )


def parsed_integer(value: Any) -> int | None:
    """Return a whole number, or the one that a text holds, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value)
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def counted(name: str, negative: str) -> Callable[[Any, str], int]:
    """Return the check of MaxConcurrencyPath and its kin, which take numbers in texts too.

    Args:
        name: the field's name, without Path.
        negative: the cause of a negative number; `{value}` is filled in.
    """

    def check(value: Any, text: str) -> int:
        number = parsed_integer(value)
        if number is None:
            shown = value if isinstance(value, str) else compact(value)
            raise Problem(
                RUNTIME,
                f'The {name}Path field refers to value "{shown}" which is not a valid integer: {text}',
            )
        if number < 0:
            raise Problem(RUNTIME, negative.format(value=number))
        return number

    return check


def percentage(value: Any, text: str) -> float:
    """Return the check of ToleratedFailurePercentagePath."""
    try:
        number = float(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        number = None
    if number is None:
        shown = value if isinstance(value, str) else compact(value)
        raise Problem(
            RUNTIME,
            f'The ToleratedFailurePercentagePath field refers to value "{shown}" which is not a '
            f"valid float: {text}",
        )
    if not 0 <= number <= 100:
        raise Problem(RUNTIME, "ToleratedFailurePercentage must be between 0 and 100.")
    return number
