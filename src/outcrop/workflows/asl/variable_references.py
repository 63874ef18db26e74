"""Which variables the states of a definition read, as DescribeStateMachine lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from outcrop.workflows.asl.intrinsic_calls import PREFIX, CallSyntaxError, IntrinsicCall
from outcrop.workflows.asl.jsonata import JsonataSyntaxError, is_expression, unwrapped
from outcrop.workflows.asl.jsonata_references import variables_read
from outcrop.workflows.asl.jsonpath import PathSyntaxError
from outcrop.workflows.asl.payloads import SUFFIX
from outcrop.workflows.asl.references import Reference

Fields = Mapping[str, Any]

_INNER: Final = frozenset({"ItemProcessor", "Iterator", "Branches"})


def variable_references(definition: Fields) -> dict[str, list[str]]:
    """Return the variables that each state reads, sorted; states that read none are left out.

    Args:
        definition: a valid definition's JSON.
    """
    found: dict[str, list[str]] = {}
    _of_machine(definition, definition.get("QueryLanguage", "JSONPath"), found)
    return found


def _of_machine(machine: Fields, language: str, found: dict[str, list[str]]) -> None:
    for name, state in machine["States"].items():
        is_jsonata = state.get("QueryLanguage", language) == "JSONata"
        fields = {key: value for key, value in state.items() if key not in _INNER}
        names = set(_in_jsonata(fields) if is_jsonata else _in_jsonpath(fields, "", is_path=False))
        if names:
            found[name] = sorted(names)
        for field in ("ItemProcessor", "Iterator"):
            if field in state:
                _of_machine(state[field], language, found)
        for branch in state.get("Branches") or ():
            _of_machine(branch, language, found)


def _in_jsonata(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _in_jsonata(value)
    elif isinstance(node, list):
        for element in node:
            yield from _in_jsonata(element)
    elif is_expression(node):
        try:
            yield from variables_read(unwrapped(node))
        except JsonataSyntaxError:
            return


def _in_jsonpath(node: Any, key: str, *, is_path: bool) -> Iterator[str]:
    """Yield the variables of paths: `.$` fields, `…Path` fields and a rule's Variable."""
    if isinstance(node, dict):
        for name, value in node.items():
            holds_path = name.endswith((SUFFIX, "Path")) or name == "Variable"
            yield from _in_jsonpath(value, name, is_path=holds_path)
    elif isinstance(node, list):
        for element in node:
            yield from _in_jsonpath(element, key, is_path=False)
    elif is_path and isinstance(node, str):
        try:
            references = (
                IntrinsicCall(node).references if node.startswith(PREFIX) else (Reference(node),)
            )
        except (CallSyntaxError, PathSyntaxError):
            return
        yield from (reference.variable for reference in references if reference.variable)
