"""The steps of a JSONPath and how values go through them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from outcrop.workflows.asl.json_text import compact


class _Nothing:
    """What stands where JSON's null would be an answer."""

    def __repr__(self) -> str:
        return "Nothing"


Nothing: Final = _Nothing()

# What Jayway calls the classes that its Jackson provider makes of JSON.
_JAVA_CLASSES: Final = {
    str: "java.lang.String",
    bool: "java.lang.Boolean",
    int: "java.lang.Integer",
    float: "java.lang.Double",
    list: "java.util.ArrayList",
    dict: "java.util.LinkedHashMap",
}


class PathMiss(Exception):
    """A definite path names nothing.

    Attributes:
        is_index: an array is shorter than the index that ends the path.
    """

    def __init__(self, detail: str, *, is_index: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.is_index = is_index


@dataclass(frozen=True, slots=True)
class Property:
    """`.name`, `['name']` or `['a','b']`."""

    names: tuple[str, ...]

    @property
    def is_definite(self) -> bool:
        """Whether it names one member."""
        return len(self.names) == 1

    def __str__(self) -> str:
        return "[" + ",".join(f"'{name}'" for name in self.names) + "]"

    def pick(self, value: Any, before: str, *, is_last: bool) -> Any:
        """Return the one value named, or raise PathMiss."""
        (name,) = self.names
        if not isinstance(value, dict):
            found = "null" if value is None else _JAVA_CLASSES[type(value)]
            raise PathMiss(
                f"Expected to find an object with property {self} in path {before} but found "
                f"'{found}'. This is not a json object according to the JsonProvider: "
                f"'com.jayway.jsonpath.spi.json.JacksonJsonProvider'."
            )
        if name not in value:
            words = "No results for path:" if is_last else "Missing property in path"
            raise PathMiss(f"{words} {before}{self}")
        return value[name]

    def expand(self, value: Any, _root: Any) -> Iterator[Any]:
        """Yield what is there, skipping what is not."""
        if isinstance(value, dict):
            if self.is_definite:
                if self.names[0] in value:
                    yield value[self.names[0]]
            else:
                yield {name: value[name] for name in self.names if name in value}


@dataclass(frozen=True, slots=True)
class Index:
    """`[0]`, `[-1]` or `[0,2]`."""

    positions: tuple[int, ...]

    @property
    def is_definite(self) -> bool:
        """Whether it names one element."""
        return len(self.positions) == 1

    def __str__(self) -> str:
        return "[" + ",".join(str(position) for position in self.positions) + "]"

    def pick(self, value: Any, before: str, *, is_last: bool) -> Any:
        """Return the one element named, or raise PathMiss."""
        (position,) = self.positions
        _need_array(self, value, before)
        if not -len(value) <= position < len(value):
            raise PathMiss(f"No results for path: {before}{self}", is_index=is_last)
        return value[position]

    def expand(self, value: Any, _root: Any) -> Iterator[Any]:
        """Yield the elements that exist."""
        if isinstance(value, list):
            for position in self.positions:
                if -len(value) <= position < len(value):
                    yield value[position]


@dataclass(frozen=True, slots=True)
class Slice:
    """`[1:3]`, `[:2]`, `[-2:]`."""

    start: int | None
    stop: int | None
    stride: int | None = None
    is_definite: ClassVar[bool] = False

    def __str__(self) -> str:
        return (
            f"[{'' if self.start is None else self.start}:{'' if self.stop is None else self.stop}]"
        )

    def expand(self, value: Any, _root: Any) -> Iterator[Any]:
        """Yield the elements of the slice."""
        if isinstance(value, list):
            yield from value[self.start : self.stop : self.stride]


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`.*` or `[*]`."""

    is_definite: ClassVar[bool] = False

    def __str__(self) -> str:
        return "[*]"

    def expand(self, value: Any, _root: Any) -> Iterator[Any]:
        """Yield every element or every member's value."""
        if isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list):
            yield from value


@dataclass(frozen=True, slots=True)
class Descent:
    """`..`: the step that follows, applied to a value and all that it holds."""

    step: Step
    is_definite: ClassVar[bool] = False

    def __str__(self) -> str:
        return f"..{self.step}"

    def expand(self, value: Any, root: Any) -> Iterator[Any]:
        """Yield depth first, a value before what it holds."""
        yield from self.step.expand(value, root)
        if isinstance(value, dict):
            for member in value.values():
                yield from self.expand(member, root)
        elif isinstance(value, list):
            for element in value:
                yield from self.expand(element, root)


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(@.price < 10)]`."""

    accepts: Callable[[Any, Any], bool]
    text: str
    is_definite: ClassVar[bool] = False

    def __str__(self) -> str:
        return "[?]"

    def expand(self, value: Any, root: Any) -> Iterator[Any]:
        """Yield the elements that pass; an object is tested itself."""
        if isinstance(value, list):
            for element in value:
                if self.accepts(element, root):
                    yield element
        elif isinstance(value, dict) and self.accepts(value, root):
            yield value


@dataclass(frozen=True, slots=True)
class Function:
    """`.length()` and its kin, at the end of a path."""

    name: str
    arguments: tuple[Any, ...] = ()
    is_definite: ClassVar[bool] = True

    def __str__(self) -> str:
        return f".{self.name}()"

    def pick(self, value: Any, before: str, *, is_last: bool) -> Any:
        """Return the function's value."""
        del is_last
        answer = _FUNCTIONS[self.name](value, *self.arguments)
        if answer is Nothing:
            raise PathMiss(
                f"Aggregation function attempted to calculate value using empty array in {before}"
            )
        return answer

    def expand(self, value: Any, _root: Any) -> Iterator[Any]:
        """Yield the function's value."""
        answer = _FUNCTIONS[self.name](value, *self.arguments)
        if answer is not Nothing:
            yield answer


Step = Property | Index | Slice | Wildcard | Descent | Filter | Function


def walk(steps: tuple[Step, ...], document: Any) -> Any:
    """Return what a path names in a document.

    Raises:
        PathMiss: the path is definite, or its definite beginning names nothing.
    """
    value: Any = document
    before = "$"
    last = len(steps) - 1
    for position, step in enumerate(steps):
        if isinstance(step, (Property, Index, Function)) and step.is_definite:
            value = step.pick(value, before, is_last=position == last)
            before += str(step)
            continue
        if isinstance(step, Property) and position == last and isinstance(value, dict):
            return next(step.expand(value, document))  # several names at the end: one object
        if isinstance(step, (Index, Slice)):
            _need_array(step, value, before)
        return _spread(steps[position:], value, document, before)
    return value


def _spread(steps: tuple[Step, ...], value: Any, root: Any, before: str) -> Any:
    values = [value]
    for step in steps:
        if isinstance(step, Function):
            return step.pick(values, before, is_last=True)  # functions take the whole list
        values = [found for each in values for found in step.expand(each, root)]
    return values


def _need_array(step: Step, value: Any, before: str) -> None:
    if value is None:
        raise PathMiss(f"The path {before} is null")
    if not isinstance(value, list):
        shown = value if isinstance(value, str) else compact(value)
        raise PathMiss(f"Filter: {step} can only be applied to arrays. Current context is: {shown}")


def _numbers(value: Any) -> list[float]:
    elements = value if isinstance(value, list) else [value]
    return [
        element
        for element in elements
        if isinstance(element, (int, float)) and not isinstance(element, bool)
    ]


def _aggregate(calculate: Callable[[list[float]], float]) -> Callable[..., Any]:
    def apply(value: Any) -> Any:
        numbers = _numbers(value)
        return float(calculate(numbers)) if numbers else Nothing

    return apply


def _length(value: Any) -> Any:
    return len(value) if isinstance(value, (list, dict, str)) else None


def _element(value: Any, position: int) -> Any:
    if isinstance(value, list) and -len(value) <= position < len(value):
        return value[position]
    return Nothing


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "length": _length,
    "size": _length,
    "min": _aggregate(min),
    "max": _aggregate(max),
    "sum": _aggregate(sum),
    "avg": _aggregate(statistics.fmean),
    "stddev": _aggregate(statistics.pstdev),
    "keys": lambda value: list(value) if isinstance(value, dict) else Nothing,
    "first": lambda value: _element(value, 0),
    "last": lambda value: _element(value, -1),
    "index": _element,
    "append": lambda value, *more: [*value, *more] if isinstance(value, list) else value,
    "concat": lambda value, *more: "".join(
        str(part) for part in (*(value if isinstance(value, list) else ()), *more)
    ),
}
FUNCTION_NAMES: Final = frozenset(_FUNCTIONS)
