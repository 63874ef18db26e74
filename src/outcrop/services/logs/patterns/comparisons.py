"""What one value is compared with: text with wildcards, numbers, regular expressions; and the words of conditions."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
# Letters, digits, symbols and operators that a regular expression may hold; no parentheses.
_REGEX = re.compile(r"[A-Za-z0-9 :_#=@/;,\-^$?\[\]{}|\\*+.]*\Z")
_REGEX_SECONDS = 1.0
_MOST_REGEXES = 2
_SYMBOLS = ("&&", "||", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",")
_BARE = re.compile(r"[^\s\"%(),=<>!&|]+")
_ORDERINGS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


class InvalidPattern(Exception):
    """The text is no filter pattern."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a condition.

    Attributes:
        kind: "symbol", "bare", "quoted" or "regex".
    """

    kind: str
    text: str


def words(text: str) -> Iterator[Word]:
    """Yield the words of conditions.

    Raises:
        InvalidPattern: a quotation mark or percent sign has no partner, or a character stands for nothing.
    """
    at, regexes = 0, 0
    while at < len(text):
        character = text[at]
        if character.isspace():
            at += 1
        elif character == '"':
            quoted, at = read_quoted(text, at)
            yield Word("quoted", quoted)
        elif character == "%":
            source, at = read_regex(text, at)
            regexes += 1
            if regexes > _MOST_REGEXES:
                raise InvalidPattern(
                    f"Invalid filter pattern: it holds more than {_MOST_REGEXES} regular expressions"
                )
            yield Word("regex", source)
        else:
            symbol = next((item for item in _SYMBOLS if text.startswith(item, at)), None)
            if symbol is not None:
                at += len(symbol)
                yield Word("symbol", symbol)
                continue
            bare = _BARE.match(text, at)
            if bare is None:
                raise InvalidPattern(
                    f"Invalid filter pattern: unexpected character {character!r} at position {at}"
                )
            at = bare.end()
            yield Word("bare", bare[0])


def read_quoted(text: str, at: int) -> tuple[str, int]:
    """Return a quoted text that begins at a place, without its marks, and where it ends."""
    characters: list[str] = []
    index = at + 1
    while index < len(text):
        character = text[index]
        if character == "\\" and text[index + 1 : index + 2] in {'"', "\\"}:
            characters.append(text[index + 1])
            index += 2
            continue
        if character == '"':
            return "".join(characters), index + 1
        characters.append(character)
        index += 1
    raise InvalidPattern("Invalid filter pattern: a quotation mark is not closed")


def read_regex(text: str, at: int) -> tuple[str, int]:
    """Return a regular expression that begins at a place, without its percent signs, and where it ends."""
    end = text.find("%", at + 1)
    if end < 0:
        raise InvalidPattern("Invalid filter pattern: a percent sign is not closed")
    source = text[at + 1 : end]
    compile_regex(source)
    return source, end + 1


@lru_cache(maxsize=256)
def compile_regex(source: str) -> Callable[[str], bool]:
    """Return whether a text contains what a regular expression means.

    Raises:
        InvalidPattern: it holds what is not supported.
    """
    import regex

    if not source or not _REGEX.match(source):
        raise InvalidPattern(
            f"Invalid filter pattern: the regular expression %{source}% is empty or holds a character that is not "
            "supported"
        )
    try:
        compiled = regex.compile(source)
    except regex.error as error:
        raise InvalidPattern(
            f"Invalid filter pattern: the regular expression %{source}% is malformed: {error}"
        ) from error

    def search(text: str) -> bool:
        try:
            # Hostile expressions take exponential time; one that takes this long finds nothing.
            return compiled.search(text, timeout=_REGEX_SECONDS) is not None
        except TimeoutError:
            return False

    return search


class Comparison:
    """A value's test.

    Args:
        symbol: =, !=, <, <=, > or >=.
        operand: what it is compared with.

    Raises:
        InvalidPattern: the two do not go together.
    """

    def __init__(self, symbol: str, operand: Word) -> None:
        self._symbol = symbol
        self._regex: Callable[[str], bool] | None = None
        self._glob: re.Pattern[str] | None = None
        self._number: float | None = None
        if operand.kind == "regex":
            self._regex = compile_regex(operand.text)
        elif operand.kind == "bare" and _NUMBER.match(operand.text):
            self._number = float(operand.text)
        elif operand.kind in {"bare", "quoted"}:
            parts = (re.escape(part) for part in operand.text.split("*"))
            self._glob = re.compile(".*".join(parts), re.DOTALL)
        else:
            raise InvalidPattern(f"Invalid filter pattern: {operand.text!r} is not a value")
        if self._number is None and symbol not in {"=", "!="}:
            raise InvalidPattern(
                f"Invalid filter pattern: {symbol} compares numbers, and {operand.text!r} is none"
            )

    def holds(self, value: Any) -> bool:
        """Return whether a value passes: a scalar of JSON, or a column's text."""
        if self._number is not None:
            number = _as_number(value)
            if number is None:
                # Something that is no number is certainly another one.
                return self._symbol == "!="
            return _ORDERINGS[self._symbol](number, self._number)
        text = text_of(value)
        if self._regex is not None:
            found = self._regex(text)
        else:
            assert self._glob is not None
            found = self._glob.fullmatch(text) is not None
        return found == (self._symbol == "=")


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value)
    return float(value) if _NUMBER.match(value) else None


def text_of(value: Any) -> str:
    """Return a scalar of JSON as patterns see it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


class Reader:
    """Goes through the words of a condition.

    Args:
        text: of the condition.
    """

    def __init__(self, text: str) -> None:
        self._words = list(words(text))
        self._at = 0

    def peek(self) -> Word | None:
        """Return the next word, or None at the end."""
        return self._words[self._at] if self._at < len(self._words) else None

    def take(self, expected: str = "a value") -> Word:
        """Return the next word and go past it.

        Raises:
            InvalidPattern: there is none.
        """
        word = self.peek()
        if word is None:
            raise InvalidPattern(f"Invalid filter pattern: {expected} is missing at its end")
        self._at += 1
        return word

    def skips(self, *symbols: str) -> str:
        """Go past the next word if it is one of these, and return which; else ""."""
        word = self.peek()
        if word is not None and word.kind in {"symbol", "bare"} and word.text in symbols:
            self._at += 1
            return word.text
        return ""


Test = Callable[[Any], bool]


def read_alternatives(reader: Reader, read_one: Callable[[Reader], Test]) -> Test:
    """Return the meaning of conditions joined by ||, && (which binds closer) and parentheses."""
    tests = [_read_all(reader, read_one)]
    while reader.skips("||"):
        tests.append(_read_all(reader, read_one))
    if len(tests) == 1:
        return tests[0]
    return lambda subject: any(test(subject) for test in tests)


def _read_all(reader: Reader, read_one: Callable[[Reader], Test]) -> Test:
    tests = [_read_unit(reader, read_one)]
    while reader.skips("&&"):
        tests.append(_read_unit(reader, read_one))
    if len(tests) == 1:
        return tests[0]
    return lambda subject: all(test(subject) for test in tests)


def _read_unit(reader: Reader, read_one: Callable[[Reader], Test]) -> Test:
    if not reader.skips("("):
        return read_one(reader)
    inner = read_alternatives(reader, read_one)
    if not reader.skips(")"):
        raise InvalidPattern("Invalid filter pattern: a parenthesis is not closed")
    return inner
