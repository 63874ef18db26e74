"""JSONPath in the dialect that Step Functions speaks: Jayway's, with Jayway's words for misses.

A path is parsed once into steps. A definite path names at most one value and raises where that is
missing; an indefinite one (wildcards, slices, filters, `..`) gives a list, perhaps an empty one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from outcrop.workflows.asl.jsonpath_parser import PathSyntaxError, parse_steps
from outcrop.workflows.asl.jsonpath_steps import (
    Index,
    Nothing,
    PathMiss,
    Property,
    Step,
    walk,
)

__all__ = ["JsonPath", "Nothing", "PathMiss", "PathSyntaxError", "is_reference_path", "json_path"]


class JsonPath:
    """A parsed path.

    Attributes:
        text: as written.
        is_definite: whether it names at most one value.
        is_reference: whether it consists of names and single indices only, as a reference path.
    """

    __slots__ = ("_names", "is_definite", "is_reference", "read", "steps", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = parse_steps(text)
        # Several names at the end are one value: an object with those members.
        self.is_definite = all(step.is_definite for step in self.steps[:-1]) and all(
            step.is_definite or isinstance(step, Property) for step in self.steps[-1:]
        )
        self.is_reference = all(
            isinstance(step, (Property, Index)) and step.is_definite for step in self.steps
        )
        names = tuple(step.names[0] for step in self.steps if isinstance(step, Property))
        self._names = names if self.is_reference and len(names) == len(self.steps) else None
        self.read: Callable[[Any], Any] = self._reader()

    def _reader(self) -> Callable[[Any], Any]:
        """Return what evaluates the path: for plain names, nested subscriptions and nothing else."""
        steps, names = self.steps, self._names
        if names is None:
            return functools.partial(walk, steps)
        if not names:
            return _itself
        if len(names) == 1:
            (only,) = names

            def read_one(document: Any) -> Any:
                try:
                    return document[only]
                except (KeyError, TypeError, IndexError):
                    return walk(steps, document)

            return read_one

        def read_names(document: Any) -> Any:
            value = document
            try:
                for name in names:
                    value = value[name]
            except (KeyError, TypeError, IndexError):
                return walk(steps, document)  # tells what is missing, in Jayway's words
            return value

        return read_names

    def place(self, document: Any, value: Any) -> Any:
        """Return a document with a value put at this path, objects made where they are missing.

        Raises:
            PathMiss: something on the way is neither an object nor an array with that index.
        """
        return _placed(document, self.steps, 0, value)


def _itself(document: Any) -> Any:
    return document


def _placed(document: Any, steps: tuple[Step, ...], depth: int, value: Any) -> Any:
    if depth == len(steps):
        return value
    step = steps[depth]
    if isinstance(step, Property):
        name = step.names[0]
        if not isinstance(document, dict):
            raise PathMiss(f'Unable to apply step "{name}" to input')
        inner = document.get(name, Nothing)
        if depth + 1 < len(steps) and inner is Nothing:
            inner = {}
        return {**document, name: _placed(inner, steps, depth + 1, value)}
    if isinstance(step, Index) and isinstance(document, list):
        position = step.positions[0]
        if -len(document) <= position < len(document):
            changed = list(document)
            changed[position] = _placed(document[position], steps, depth + 1, value)
            return changed
    raise PathMiss(f'Unable to apply step "{step}" to input')


@functools.lru_cache(maxsize=4096)
def json_path(text: str) -> JsonPath:
    """Return the parsed path.

    Raises:
        PathSyntaxError: it is no path.
    """
    return JsonPath(text)


def is_reference_path(text: str) -> bool:
    """Return whether a text is a path of names and single indices."""
    try:
        return json_path(text).is_reference
    except PathSyntaxError:
        return False
