"""Where the statements of a policy stand in its text, for simulations to point at."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a policy document: line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Span:
    """Where a statement stands.

    Attributes:
        start: the place behind its opening brace, as IAM counts.
        end: the place behind its closing brace.
    """

    start: Position
    end: Position


@lru_cache(maxsize=256)
def statement_spans(text: str) -> tuple[Span, ...]:
    """Return where each statement of a valid policy document stands, in order."""
    place = _after_space(text, 0) + 1
    while True:
        key, place = _DECODER.raw_decode(text, _after_space(text, place))
        value_place = _after_space(text, _after_space(text, place) + 1)
        value, place = _DECODER.raw_decode(text, value_place)
        if key == "Statement":
            break
        place = _after_space(text, place) + 1
    if isinstance(value, dict):
        return (_span(text, value_place, place),)
    spans = []
    place = value_place + 1
    for _ in value:
        start = _after_space(text, place)
        _, end = _DECODER.raw_decode(text, start)
        spans.append(_span(text, start, end))
        place = _after_space(text, end) + 1
    return tuple(spans)


def _after_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    assert match is not None
    return match.end()


def _span(text: str, start: int, end: int) -> Span:
    return Span(_position(text, start + 1), _position(text, end))


def _position(text: str, place: int) -> Position:
    line_start = text.rfind("\n", 0, place) + 1
    return Position(text.count("\n", 0, place) + 1, place - line_start + 1)
