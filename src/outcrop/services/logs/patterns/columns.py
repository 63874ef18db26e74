"""Patterns over the columns of a line: `[ip, user, ..., status = 4*, bytes > 1000]`."""

import re
from dataclasses import dataclass

from outcrop.services.logs.patterns.comparisons import (
    Comparison,
    InvalidPattern,
    Reader,
    Test,
    read_alternatives,
)

# What stands between brackets or quotation marks is one column, spaces and all.
_COLUMN = re.compile(r"\[([^\]]*)\]|\"([^\"]*)\"|(\S+)")
_ELLIPSIS = "..."
_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the pattern.

    Attributes:
        name: "" where it has none.
        test: of its text; None where anything will do.
    """

    name: str
    test: Test | None


class ColumnPattern:
    """Conditions on the columns of a line.

    Args:
        before: the columns from the line's beginning.
        after: those up to its end, where the pattern has an ellipsis; else None.
    """

    def __init__(self, before: list[Column], after: list[Column] | None) -> None:
        self._before = before
        self._after = after

    @classmethod
    def parse(cls, text: str) -> "ColumnPattern":
        """Return the pattern between brackets.

        Raises:
            InvalidPattern: it is none.
        """
        if not text.endswith("]"):
            raise InvalidPattern("Invalid filter pattern: the bracket is not closed")
        before: list[Column] = []
        after: list[Column] | None = None
        for part in _split(text[1:-1]):
            if part == _ELLIPSIS:
                if after is not None:
                    raise InvalidPattern("Invalid filter pattern: it has more than one ellipsis")
                after = []
            else:
                (before if after is None else after).append(_read_column(part))
        return cls(before, after)

    def matches(self, message: str) -> bool:
        """Return whether an event is meant: as many columns, and each of them passes."""
        pairs = self._pairs(message)
        return pairs is not None and all(
            column.test is None or column.test(text) for column, text in pairs
        )

    def extract(self, message: str) -> dict[str, str]:
        """Return the texts of all columns: by "$name", or by "$" and their number where they have none."""
        named = {
            id(column): column.name
            for column in (*self._before, *(self._after or ()))
            if column.name
        }
        found: dict[str, str] = {}
        columns = dict(enumerate(self._aligned(message)))
        for number, (column, text) in columns.items():
            name = named.get(id(column)) if column is not None else None
            found[f"${name or number + 1}"] = text
        return found

    def value(self, message: str, name: str) -> str | None:
        """Return the text of a column, by its name with "$" before it; None where there is none."""
        return self.extract(message).get(name)

    def _pairs(self, message: str) -> list[tuple[Column, str]] | None:
        texts = split_line(message)
        if self._after is None:
            if len(texts) != len(self._before):
                return None
            return list(zip(self._before, texts, strict=True))
        if len(texts) < len(self._before) + len(self._after):
            return None
        head = zip(self._before, texts, strict=False)
        tail = texts[len(texts) - len(self._after) :]
        return [*head, *zip(self._after, tail, strict=True)]

    def _aligned(self, message: str) -> list[tuple[Column | None, str]]:
        texts = split_line(message)
        columns: list[Column | None] = [None] * len(texts)
        columns[: len(self._before)] = self._before[: len(texts)]
        if self._after:
            columns[-len(self._after) :] = self._after
        return list(zip(columns, texts, strict=False))


def split_line(message: str) -> list[str]:
    """Return the columns of a line."""
    return [
        next(part for part in match.groups() if part is not None)
        for match in _COLUMN.finditer(message)
    ]


def _split(text: str) -> list[str]:
    """Return the parts between commas that are neither quoted nor in a regular expression."""
    parts: list[str] = []
    start, closing = 0, ""
    for index, character in enumerate(text):
        if closing:
            if character == closing and text[index - 1] != "\\":
                closing = ""
        elif character in {'"', "%"}:
            closing = character
        elif character == ",":
            parts.append(text[start:index].strip())
            start = index + 1
    return [*parts, text[start:].strip()]


def _read_column(text: str) -> Column:
    reader = Reader(text)
    first = reader.peek()
    if first is None:
        return Column("", None)
    if first.kind != "bare":
        raise InvalidPattern(f"Invalid filter pattern: the column {text!r} has no name")
    name = first.text
    reader.take()
    if reader.peek() is None:
        return Column(name, None)
    # Conditions repeat the column's name: `status = 404 || status = 410`.
    reader = Reader(text)

    def read_one(inner: Reader) -> Test:
        word = inner.take("a column")
        if word.text != name:
            raise InvalidPattern(
                f"Invalid filter pattern: {word.text!r} stands in the conditions of the column {name!r}"
            )
        symbol = inner.skips(*_OPERATORS)
        if not symbol:
            raise InvalidPattern(f"Invalid filter pattern: {name} is compared with nothing")
        return Comparison(symbol, inner.take()).holds

    test = read_alternatives(reader, read_one)
    if (left := reader.peek()) is not None:
        raise InvalidPattern(f"Invalid filter pattern: unexpected {left.text!r}")
    return Column(name, test)
