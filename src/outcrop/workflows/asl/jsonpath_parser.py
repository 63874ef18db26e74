"""From the text of a JSONPath to its steps, filters included."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from outcrop.workflows.asl.jsonpath_steps import (
    FUNCTION_NAMES,
    Descent,
    Filter,
    Function,
    Index,
    Nothing,
    PathMiss,
    Property,
    Slice,
    Step,
    Wildcard,
    walk,
)

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_SLICE: Final = re.compile(r"\s*(-?\d*)\s*:\s*(-?\d*)\s*(?::\s*(-?\d*)\s*)?\]")
_INDEXES: Final = re.compile(r"\s*-?\d+\s*(?:,\s*-?\d+\s*)*\]")
_COMPARISON: Final = re.compile(
    r"\s*(==|!=|<=|>=|=~|<|>|(?:in|nin|contains|subsetof|anyof|noneof|size|empty|type)\b)\s*",
    re.IGNORECASE,
)
_TRUTH: Final = {"true": True, "false": False, "null": None}


class PathSyntaxError(ValueError):
    """A text that is no path."""


def parse_steps(text: str) -> tuple[Step, ...]:
    """Return a path's steps, the leading `$` left out.

    Raises:
        PathSyntaxError: the text does not begin with `$` or cannot be read to its end.
    """
    stripped = text.strip()
    if not stripped.startswith("$"):
        raise PathSyntaxError("Reference path didn't start with '$'")
    reader = _Reader(stripped, 1)
    try:
        steps = reader.steps()
    except RecursionError as error:
        raise PathSyntaxError("Filters are nested too deeply") from error
    if not reader.is_done:
        raise PathSyntaxError(f"Could not parse token at position {reader.at}: {stripped}")
    return steps


class _Reader:
    """A position in the text and what can be read from there."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at

    @property
    def is_done(self) -> bool:
        return self.at >= len(self.text)

    def peek(self, length: int = 1) -> str:
        return self.text[self.at : self.at + length]

    def skip_spaces(self) -> None:
        while self.peek().isspace():
            self.at += 1

    def expect(self, token: str) -> None:
        self.skip_spaces()
        if not self.text.startswith(token, self.at):
            raise PathSyntaxError(f"Expected '{token}' at position {self.at}: {self.text}")
        self.at += len(token)

    def steps(self) -> tuple[Step, ...]:
        steps: list[Step] = []
        while not self.is_done:
            if self.peek(2) == "..":
                self.at += 2
                steps.append(Descent(self._step_after_dots()))
            elif self.peek() == ".":
                self.at += 1
                # `.[*]` is written in published machines, and Jayway takes it for `[*]`.
                steps.append(self._bracket() if self.peek() == "[" else self._name())
            elif self.peek() == "[":
                steps.append(self._bracket())
            else:
                break
        return tuple(steps)

    def _step_after_dots(self) -> Step:
        return self._bracket() if self.peek() == "[" else self._name()

    def _name(self) -> Step:
        start = self.at
        while not self.is_done and self.peek() not in ".[()=<>!&|, \t\n]":
            self.at += 1
        name = self.text[start : self.at]
        if not name:
            raise PathSyntaxError(f"Path must not end with a '.' or '..': {self.text}")
        if name == "*":
            return Wildcard()
        if self.peek() == "(":
            return self._function(name)
        return Property((name,))

    def _function(self, name: str) -> Step:
        if name not in FUNCTION_NAMES:
            raise PathSyntaxError(f"Function with name: {name} does not exist.")
        self.expect("(")
        arguments: list[Any] = []
        self.skip_spaces()
        while self.peek() != ")":
            arguments.append(self._literal())
            self.skip_spaces()
            if self.peek() == ",":
                self.at += 1
        self.expect(")")
        return Function(name, tuple(arguments))

    def _bracket(self) -> Step:
        self.expect("[")
        self.skip_spaces()
        first = self.peek()
        if first == "*":
            self.at += 1
            self.expect("]")
            return Wildcard()
        if first in {"'", '"'}:
            names = [self._quoted()]
            self.skip_spaces()
            while self.peek() == ",":
                self.at += 1
                self.skip_spaces()
                names.append(self._quoted())
                self.skip_spaces()
            self.expect("]")
            return Property(tuple(names))
        if first == "?":
            return self._filter()
        if found := _INDEXES.match(self.text, self.at):
            self.at = found.end()
            return Index(tuple(int(part) for part in found.group()[:-1].split(",")))
        if found := _SLICE.match(self.text, self.at):
            self.at = found.end()
            start, stop, stride = (int(part) if part else None for part in found.groups())
            return Slice(start, stop, stride)
        raise PathSyntaxError(f"Could not parse token at position {self.at}: {self.text}")

    def _quoted(self) -> str:
        quote = self.peek()
        if quote not in {"'", '"'}:
            raise PathSyntaxError(f"Expected a quoted name at position {self.at}: {self.text}")
        self.at += 1
        characters: list[str] = []
        while self.peek() != quote:
            if self.is_done:
                raise PathSyntaxError(f"Property has not been closed: {self.text}")
            if self.peek() == "\\":
                self.at += 1
            characters.append(self.peek())
            self.at += 1
        self.at += 1
        return "".join(characters)

    def _filter(self) -> Step:
        start = self.at
        self.expect("?")
        self.expect("(")
        accepts = self._either()
        self.expect(")")
        self.expect("]")
        return Filter(accepts, self.text[start : self.at])

    def _either(self) -> Callable[[Any, Any], bool]:
        choices = [self._both()]
        self.skip_spaces()
        while self.peek(2) == "||":
            self.at += 2
            choices.append(self._both())
            self.skip_spaces()
        if len(choices) == 1:
            return choices[0]
        return lambda value, root: any(choice(value, root) for choice in choices)

    def _both(self) -> Callable[[Any, Any], bool]:
        parts = [self._condition()]
        self.skip_spaces()
        while self.peek(2) == "&&":
            self.at += 2
            parts.append(self._condition())
            self.skip_spaces()
        if len(parts) == 1:
            return parts[0]
        return lambda value, root: all(part(value, root) for part in parts)

    def _condition(self) -> Callable[[Any, Any], bool]:
        self.skip_spaces()
        if self.peek() == "!":
            self.at += 1
            inner = self._condition()
            return lambda value, root: not inner(value, root)
        if self.peek() == "(":
            self.at += 1
            inner = self._either()
            self.expect(")")
            return inner
        left = self._operand()
        found = _COMPARISON.match(self.text, self.at)
        if found is None:
            return lambda value, root: left(value, root) is not Nothing
        self.at = found.end()
        operator = found.group(1).lower()
        if operator == "=~":
            pattern = self._pattern()
            return lambda value, root: _matches(pattern, left(value, root))
        right = self._operand()
        compare = _OPERATORS[operator]
        return lambda value, root: compare(left(value, root), right(value, root))

    def _operand(self) -> Callable[[Any, Any], Any]:
        self.skip_spaces()
        if self.peek() in {"@", "$"}:
            is_root = self.peek() == "$"
            self.at += 1
            steps = self.steps()

            def look_up(value: Any, root: Any) -> Any:
                try:
                    return walk(steps, root if is_root else value)
                except PathMiss:
                    return Nothing

            return look_up
        literal = self._literal()
        return lambda _value, _root: literal

    def _literal(self) -> Any:
        self.skip_spaces()
        if self.peek() in {"'", '"'}:
            return self._quoted()
        if self.peek() == "[":
            self.at += 1
            elements: list[Any] = []
            self.skip_spaces()
            while self.peek() != "]":
                elements.append(self._literal())
                self.skip_spaces()
                if self.peek() == ",":
                    self.at += 1
            self.at += 1
            return elements
        for word, meaning in _TRUTH.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            raise PathSyntaxError(f"Could not parse token at position {self.at}: {self.text}")
        self.at = found.end()
        return float(found.group()) if found.group(1) or found.group(2) else int(found.group())

    def _pattern(self) -> re.Pattern[str]:
        self.expect("/")
        end = self.at
        while end < len(self.text) and self.text[end] != "/":
            end += 2 if self.text[end] == "\\" else 1
        body = self.text[self.at : end]
        self.at = end + 1
        flags = 0
        while self.peek() in {"i", "m", "s"} and not self.is_done:
            flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}[self.peek()]
            self.at += 1
        try:
            return re.compile(body, flags)
        except re.error as error:
            raise PathSyntaxError(f"Could not parse the pattern in {self.text}") from error


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        both_numbers = _is_number(left) and _is_number(right)
        both_texts = isinstance(left, str) and isinstance(right, str)
        return compare(left, right) if both_numbers or both_texts else False

    return apply


def _is_in(left: Any, right: Any) -> bool:
    return isinstance(right, list) and any(_same(left, element) for element in right)


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return _is_in(right, left)


def _all_in(left: Any, right: Any) -> bool:
    return isinstance(left, list) and all(_is_in(element, right) for element in left)


def _any_in(left: Any, right: Any) -> bool:
    return isinstance(left, list) and any(_is_in(element, right) for element in left)


_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "in": _is_in,
    "nin": lambda left, right: left is not Nothing and not _is_in(left, right),
    "contains": _contains,
    "subsetof": _all_in,
    "anyof": _any_in,
    "noneof": lambda left, right: isinstance(left, list) and not _any_in(left, right),
    "size": lambda left, right: isinstance(left, (list, str)) and len(left) == right,
    "empty": lambda left, right: isinstance(left, (list, str)) and (len(left) == 0) is right,
    "type": lambda left, right: type(left).__name__ == right,
}
