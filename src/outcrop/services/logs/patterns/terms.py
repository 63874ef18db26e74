"""Patterns over the text of a line: terms and phrases it must hold, must not hold, or may hold one of."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from outcrop.services.logs.patterns.comparisons import (
    InvalidPattern,
    compile_regex,
    read_quoted,
    read_regex,
)

_BARE = re.compile(r"\S+")
_PLAIN = re.compile(r"\w+\Z")
Holds = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class TermPattern:
    """Terms of a line; upper and lower case differ.

    Attributes:
        wanted: all of them must be there.
        unwanted: none of them may be.
        either: one of them must be; disregarded where the pattern has terms of another kind, as on AWS.
    """

    wanted: tuple[Holds, ...]
    unwanted: tuple[Holds, ...]
    either: tuple[Holds, ...]

    @classmethod
    def parse(cls, text: str) -> "TermPattern":
        """Return the pattern of a text; an empty one means every event.

        Raises:
            InvalidPattern: it is none.
        """
        kinds: dict[str, list[Holds]] = {"": [], "-": [], "?": []}
        at = 0
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            sign = text[at] if text[at] in "-?" else ""
            holds, at = _read_term(text, at + len(sign))
            kinds[sign].append(holds)
        return cls(tuple(kinds[""]), tuple(kinds["-"]), tuple(kinds["?"]))

    def matches(self, message: str) -> bool:
        """Return whether an event is meant."""
        if self.wanted or self.unwanted:
            return all(holds(message) for holds in self.wanted) and not any(
                holds(message) for holds in self.unwanted
            )
        return not self.either or any(holds(message) for holds in self.either)

    def extract(self, message: str) -> dict[str, str]:
        """Return nothing: terms name no parts of a line."""
        del message
        return {}

    def value(self, message: str, name: str) -> str | None:
        """Return None: terms name no parts of a line."""
        del message, name
        return None


def _read_term(text: str, at: int) -> tuple[Holds, int]:
    if text[at : at + 1] == '"':
        term, end = read_quoted(text, at)
        return _contains(term), end
    if text[at : at + 1] == "%":
        source, end = read_regex(text, at)
        return compile_regex(source), end
    bare = _BARE.match(text, at)
    if bare is None or not _PLAIN.match(bare[0]):
        shown = "" if bare is None else bare[0]
        raise InvalidPattern(f"Invalid character(s) in term '{shown}'")
    return _contains(bare[0]), bare.end()


def _contains(term: str) -> Holds:
    return lambda message: term in message
