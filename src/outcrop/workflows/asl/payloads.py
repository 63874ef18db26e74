"""Payload templates of JSONPath states: Parameters, ResultSelector, ItemSelector, Assign."""

from __future__ import annotations

from typing import Any, Final

from outcrop.workflows.asl.errors import RUNTIME, Problem
from outcrop.workflows.asl.intrinsic_calls import PREFIX, CallSyntaxError, IntrinsicCall
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.asl.jsonpath import PathMiss, PathSyntaxError
from outcrop.workflows.asl.machine import Evaluator, Scope
from outcrop.workflows.asl.references import Reference

SUFFIX: Final = ".$"


def compile_payload(template: Any) -> Evaluator:
    """Return what evaluates a template.

    Raises:
        ValueError: a `.$` field holds neither a path nor a call.
    """
    evaluator = _compiled(template)
    if evaluator is None:
        return lambda _data, _scope: template
    return evaluator


def _compiled(template: Any) -> Evaluator | None:
    """Return an evaluator, or None where the template is a constant."""
    if isinstance(template, dict):
        return _compiled_object(template)
    if isinstance(template, list):
        parts = [_compiled(element) for element in template]
        if not any(parts):
            return None
        pairs = tuple(zip(parts, template, strict=True))
        return lambda data, scope: [
            constant if part is None else part(data, scope) for part, constant in pairs
        ]
    return None


def _compiled_object(template: dict[str, Any]) -> Evaluator | None:
    entries: list[tuple[str, Evaluator | None, Any]] = []
    for key, value in template.items():
        if key.endswith(SUFFIX):
            entries.append((key[: -len(SUFFIX)], compile_field(key, value), None))
        else:
            entries.append((key, _compiled(value), value))
    if not any(evaluator for _, evaluator, _ in entries):
        return None
    name, only, _ = entries[0]
    if len(entries) == 1 and only is not None:
        return lambda data, scope: {name: only(data, scope)}
    frozen = tuple(entries)
    return lambda data, scope: {
        key: constant if evaluator is None else evaluator(data, scope)
        for key, evaluator, constant in frozen
    }


def compile_field(key: str, value: Any) -> Evaluator:
    """Return what evaluates one `.$` field.

    Raises:
        ValueError: the value is neither a path nor a call of an intrinsic function.
    """
    message = f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
    if not isinstance(value, str):
        raise ValueError(message)  # noqa: TRY004 one error for all that is wrong in a definition
    try:
        if value.startswith(PREFIX):
            return IntrinsicCall(value).evaluate
        reference = Reference(value)
    except (CallSyntaxError, PathSyntaxError) as error:
        raise ValueError(message) from error
    return _reader(reference, key)


def _reader(reference: Reference, key: str) -> Evaluator:
    read = reference.read

    def evaluate(data: Any, scope: Scope) -> Any:
        try:
            return read(data, scope)
        except PathMiss as miss:
            if miss.is_index:  # AWS answers null for an index beyond an array's end, here alone
                return None
            raise Problem(
                RUNTIME,
                f"The JSONPath '{reference.text}' specified for the field '{key}' could not be "
                f"found in the input '{compact(reference.searched(data, scope))}'",
            ) from miss

    return evaluate
