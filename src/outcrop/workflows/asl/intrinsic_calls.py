"""Calls of intrinsic functions as written in a definition: read once, evaluated many times."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from outcrop.workflows.asl.errors import INTRINSIC, RUNTIME, Problem
from outcrop.workflows.asl.intrinsics import FUNCTIONS, IntrinsicError, fill
from outcrop.workflows.asl.json_text import compact
from outcrop.workflows.asl.jsonpath import PathMiss, PathSyntaxError
from outcrop.workflows.asl.machine import Evaluator, Scope
from outcrop.workflows.asl.references import Reference

PREFIX: Final = "States."
MAX_DEPTH: Final = 10
_NAME: Final = re.compile(r"\s*(States\.\w+)\s*\(")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_WORDS: Final = {"true": True, "false": False, "null": None}
_ESCAPABLE: Final = frozenset("'{}\\")


class CallSyntaxError(ValueError):
    """A text that is no call of an intrinsic function."""


class _Miss(Exception):
    """A path among the arguments names nothing; `path` as the cause shows it."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class IntrinsicCall:
    """A call with its arguments compiled.

    Attributes:
        text: as written, which causes quote.
        references: the paths among the arguments, those of nested calls included.
    """

    __slots__ = ("_value", "references", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        reader = _Reader(text)
        self._value = reader.call(1)
        reader.skip_spaces()
        if not reader.is_done:
            raise CallSyntaxError(f"Unexpected text after the call: {text}")
        self.references = tuple(reader.references)

    def evaluate(self, data: Any, scope: Scope) -> Any:
        """Return what the call comes to.

        Raises:
            Problem: a path names nothing (States.Runtime), or a function cannot take its
                arguments (States.IntrinsicFailure).
        """
        try:
            return self._value(data, scope)
        except _Miss as miss:
            raise Problem(
                RUNTIME,
                f"The function '{self.text}' had the following error: The JsonPath argument for "
                f"the field '{miss.path}' could not be found in the input '{compact(data)}'",
            ) from miss
        except IntrinsicError as error:
            raise Problem(
                INTRINSIC, f"The function '{self.text}' had the following error: {error}"
            ) from error


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.references: list[Reference] = []

    @property
    def is_done(self) -> bool:
        return self.at >= len(self.text)

    def skip_spaces(self) -> None:
        while not self.is_done and self.text[self.at].isspace():
            self.at += 1

    def call(self, depth: int) -> Evaluator:
        found = _NAME.match(self.text, self.at)
        if found is None or found.group(1) not in FUNCTIONS:
            raise CallSyntaxError(f"No intrinsic function at position {self.at}: {self.text}")
        if depth > MAX_DEPTH:
            raise CallSyntaxError(f"Calls may be nested {MAX_DEPTH} deep: {self.text}")
        name = found.group(1)
        self.at = found.end()
        raw_first = self._raw_literal()
        arguments = tuple(self._arguments(depth))
        function, fewest, most = FUNCTIONS[name]
        if len(arguments) < fewest or (most is not None and len(arguments) > most):
            raise CallSyntaxError(f"{name} does not take {len(arguments)} arguments: {self.text}")
        if name == "States.Format" and raw_first is not None:
            return _formatter(_pieces(raw_first), arguments[1:])
        return _applied(function, arguments)

    def _raw_literal(self) -> str | None:
        """Return the first argument as written where it is a literal; Format's escapes need it."""
        self.skip_spaces()
        if self.text[self.at : self.at + 1] != "'":
            return None
        return self.text[self.at + 1 : self._closing_quote()]

    def _arguments(self, depth: int) -> Iterator[Evaluator]:
        self.skip_spaces()
        if self._take(")"):
            return
        while True:
            yield self._argument(depth)
            self.skip_spaces()
            if self._take(")"):
                return
            if not self._take(","):
                raise CallSyntaxError(f"Expected ',' or ')' at position {self.at}: {self.text}")

    def _take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def _argument(self, depth: int) -> Evaluator:
        self.skip_spaces()
        first = self.text[self.at : self.at + 1]
        if first == "'":
            end = self._closing_quote()
            literal = _unescaped(self.text[self.at + 1 : end])
            self.at = end + 1
            return lambda _data, _scope: literal
        if first == "$":
            return self._path()
        if self.text.startswith(PREFIX, self.at):
            return self.call(depth + 1)
        for word, meaning in _WORDS.items():
            if self._take(word):
                return lambda _data, _scope: meaning
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            raise CallSyntaxError(f"No argument at position {self.at}: {self.text}")
        self.at = found.end()
        is_float = found.group(1) or found.group(2)
        number = float(found.group()) if is_float else int(found.group())
        return lambda _data, _scope: number

    def _closing_quote(self) -> int:
        end = self.at + 1
        while end < len(self.text) and self.text[end] != "'":
            is_escape = self.text[end] == "\\"
            if is_escape and self.text[end + 1 : end + 2] not in _ESCAPABLE:
                raise CallSyntaxError(f"No escape at position {end}: {self.text}")
            end += 2 if is_escape else 1
        if end >= len(self.text):
            raise CallSyntaxError(f"A string has not been closed: {self.text}")
        return end

    def _path(self) -> Evaluator:
        start = self.at
        depth = 0
        quote = ""
        while not self.is_done:
            character = self.text[self.at]
            if quote:
                quote = "" if character == quote else quote
            elif character in "'\"":
                quote = character
            elif character in "[(":
                depth += 1
            elif character in "])" and depth:
                depth -= 1
            elif character in ",)":
                break
            self.at += 1
        try:
            reference = Reference(self.text[start : self.at].strip())
        except PathSyntaxError as error:
            raise CallSyntaxError(str(error)) from error
        self.references.append(reference)
        return _path_reader(reference)


def _path_reader(reference: Reference) -> Evaluator:
    # A path into the context object is shown as a path from its root.
    shown = reference.text[1:] if reference.origin == "context" else reference.text

    def read(data: Any, scope: Scope) -> Any:
        try:
            return reference.read(data, scope)
        except PathMiss:
            raise _Miss(shown) from None

    return read


def _applied(function: Callable[..., Any], arguments: tuple[Evaluator, ...]) -> Evaluator:
    return lambda data, scope: function(*[argument(data, scope) for argument in arguments])


def _formatter(pieces: list[str], arguments: tuple[Evaluator, ...]) -> Evaluator:
    return lambda data, scope: fill(pieces, [argument(data, scope) for argument in arguments])


def _unescaped(raw: str) -> str:
    return re.sub(r"\\(.)", r"\1", raw)


def _pieces(raw: str) -> list[str]:
    """Return what stands between the `{}` of a literal template, escapes taken out."""
    pieces: list[str] = []
    current: list[str] = []
    at = 0
    while at < len(raw):
        if raw[at] == "\\" and at + 1 < len(raw):
            current.append(raw[at + 1])
            at += 2
        elif raw.startswith("{}", at):
            pieces.append("".join(current))
            current = []
            at += 2
        else:
            current.append(raw[at])
            at += 1
    pieces.append("".join(current))
    return pieces
