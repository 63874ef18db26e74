"""Which variables each state of a definition refers to: `variableReferences` of DescribeStateMachine."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
# In a path or an intrinsic function; "$$." begins the context object and "$." the input.
_IN_PATH = re.compile(rf"(?<![\w$'\"])\$({_NAME})")
_IN_EXPRESSION = re.compile(rf"(?<![\w$])\$({_NAME})(?!\w)(?!\s*\()")
_TEXTS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`|/\*.*?\*/", re.DOTALL)
# Bound within the expression itself: assignments and parameters of functions.
_BOUND = re.compile(rf"\$({_NAME})\s*:=")
_PARAMETERS = re.compile(r"(?:function|λ)\s*\(([^)]*)\)")
_NESTED = ("ItemProcessor", "Iterator")
_SCOPES = frozenset({*_NESTED, "Branches", "Result", "Type", "Comment", "Next", "Default"})
_LIBRARY = frozenset({"states"})


@lru_cache(maxsize=256)
def find(definition: str) -> Mapping[str, list[str]]:
    """Return state → names of the variables that it refers to, both in order of their names.

    Args:
        definition: text of a valid machine.
    """
    found: dict[str, set[str]] = {}
    machine = json.loads(definition)
    _in_machine(machine, machine.get("QueryLanguage", "JSONPath"), found)
    return {name: sorted(found[name]) for name in sorted(found) if found[name]}


def _in_machine(machine: Mapping[str, Any], language: str, found: dict[str, set[str]]) -> None:
    for name, state in machine.get("States", {}).items():
        own = state.get("QueryLanguage", language)
        for key, value in state.items():
            if key in _SCOPES:
                continue
            names = _in_expressions(value) if own == "JSONata" else _in_paths(key, value)
            found.setdefault(name, set()).update(names)
        for member in _NESTED:
            if isinstance(state.get(member), dict):
                _in_machine(state[member], language, found)
        for branch in state.get("Branches", ()):
            _in_machine(branch, language, found)


def _in_paths(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, nested in value.items():
            yield from _in_paths(name, nested)
    elif isinstance(value, list):
        for nested in value:
            yield from _in_paths(key, nested)
    elif isinstance(value, str) and _is_path(key):
        # What stands in quotes within an intrinsic function is text.
        for match in _IN_PATH.finditer(re.sub(r"'(?:\\.|[^'\\])*'", "''", value)):
            yield match.group(1)


def _is_path(key: str) -> bool:
    return key.endswith((".$", "Path")) or key == "Variable"


def _in_expressions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for nested in value.values():
            yield from _in_expressions(nested)
    elif isinstance(value, list):
        for nested in value:
            yield from _in_expressions(nested)
    elif isinstance(value, str) and value.startswith("{%") and value.endswith("%}"):
        text = _TEXTS.sub('""', value[2:-2])
        bound = set(_BOUND.findall(text)) | _LIBRARY
        for parameters in _PARAMETERS.findall(text):
            bound.update(re.findall(_NAME, parameters))
        yield from (name for name in _IN_EXPRESSION.findall(text) if name not in bound)
