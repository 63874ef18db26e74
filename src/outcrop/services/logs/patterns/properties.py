"""Patterns over events that are JSON: `{ $.level = "ERROR" && $.retries > 3 }`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from outcrop.services.logs.patterns.comparisons import (
    Comparison,
    InvalidPattern,
    Reader,
    Test,
    Word,
    read_alternatives,
    text_of,
)

_STEP = re.compile(r"""\.?\[(?:(\d+)|(\*)|'([^']*)'|"([^"]*)")\]|\.([^.\[\]\s]+)""")
_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
Step = str | int | None  # None: every element


@dataclass(frozen=True, slots=True)
class Selector:
    """A property of an event.

    Attributes:
        text: as the pattern writes it.
        steps: names, indices, and None for every element of an array.
    """

    text: str
    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> "Selector":
        """Return the selector that a text means.

        Raises:
            InvalidPattern: it is none.
        """
        steps: list[Step] = []
        at = 1
        while at < len(text):
            match = _STEP.match(text, at)
            if match is None:
                break
            index, star, single, double, name = match.groups()
            if index is not None:
                steps.append(int(index))
            else:
                steps.append(
                    None if star else next(x for x in (single, double, name) if x is not None)
                )
            at = match.end()
        if not text.startswith("$") or at < len(text) or not steps:
            raise InvalidPattern(f"Invalid filter pattern: {text!r} does not select a property")
        return cls(text, tuple(steps))

    def values(self, document: Any) -> Iterator[Any]:
        """Yield what the selector finds; nothing where the property does not exist."""
        return _select(document, self.steps)


def _select(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        if isinstance(value, dict) and step in value:
            yield from _select(value[step], rest)
    elif isinstance(value, list):
        if step is None:
            for item in value:
                yield from _select(item, rest)
        elif step < len(value):
            yield from _select(value[step], rest)


class PropertyPattern:
    """Conditions on the properties of an event.

    Args:
        test: of a parsed event.
        selectors: those that the conditions name.
    """

    def __init__(self, test: Test, selectors: list[Selector]) -> None:
        self._test = test
        self._selectors = selectors

    @classmethod
    def parse(cls, text: str) -> "PropertyPattern":
        """Return the pattern between braces.

        Raises:
            InvalidPattern: it is none.
        """
        if not text.endswith("}"):
            raise InvalidPattern("Invalid filter pattern: the brace is not closed")
        reader = Reader(_shielded(text[1:-1]))
        selectors: list[Selector] = []
        test = read_alternatives(reader, lambda inner: _read_condition(inner, selectors))
        if (left := reader.peek()) is not None:
            raise InvalidPattern(f"Invalid filter pattern: unexpected {left.text!r}")
        return cls(test, selectors)

    def matches(self, message: str) -> bool:
        """Return whether an event is meant; one that is not JSON never is."""
        document = _parsed(message)
        return document is not None and self._test(document)

    def extract(self, message: str) -> dict[str, str]:
        """Return the values of the properties that the pattern names."""
        document = _parsed(message)
        found: dict[str, str] = {}
        for selector in self._selectors:
            value = next(selector.values(document), None)
            if value is not None and not isinstance(value, (dict, list)):
                found[selector.text] = text_of(value)
        return found

    def value(self, message: str, name: str) -> str | None:
        """Return the value of any property, by its selector; None where there is none."""
        try:
            found = next(Selector.parse(name).values(_parsed(message)), None)
        except InvalidPattern:
            return None
        return None if found is None or isinstance(found, (dict, list)) else text_of(found)


def _parsed(message: str) -> Any:
    if "{" not in message:
        return None
    try:
        document = orjson.loads(message)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


# Quotation marks inside brackets belong to a selector, not to a value.
_QUOTED_STEP = re.compile(r"""\[\s*(["'])([^"'\]]*)\1\s*\]""")


def _shielded(text: str) -> str:
    return _QUOTED_STEP.sub(lambda match: f"['{match[2]}']", text)


def _read_condition(reader: Reader, selectors: list[Selector]) -> Test:
    word = reader.take("a property")
    if word.kind != "bare":
        raise InvalidPattern(f"Invalid filter pattern: {word.text!r} does not select a property")
    selector = Selector.parse(word.text)
    selectors.append(selector)
    if reader.skips("IS"):
        return _read_is(reader, selector)
    if reader.skips("NOT"):
        if not reader.skips("EXISTS"):
            raise InvalidPattern("Invalid filter pattern: NOT must be followed by EXISTS")
        return lambda document: next(selector.values(document), _NOTHING) is _NOTHING
    if reader.skips("EXISTS"):
        return lambda document: next(selector.values(document), _NOTHING) is not _NOTHING
    symbol = reader.skips(*_OPERATORS)
    if not symbol:
        raise InvalidPattern(f"Invalid filter pattern: {word.text} is compared with nothing")
    comparison = Comparison(symbol, reader.take())
    # A property that does not exist, or is no scalar, passes no comparison, != included.
    return lambda document: any(
        comparison.holds(value)
        for value in selector.values(document)
        if not isinstance(value, (dict, list)) and value is not None
    )


_NOTHING = object()
_STATES: dict[str, Any] = {"TRUE": True, "FALSE": False, "NULL": None}


def _read_is(reader: Reader, selector: Selector) -> Test:
    word: Word = reader.take("TRUE, FALSE or NULL")
    if word.text not in _STATES:
        raise InvalidPattern("Invalid filter pattern: IS must be followed by TRUE, FALSE or NULL")
    wanted = _STATES[word.text]
    return lambda document: any(value is wanted for value in selector.values(document))
