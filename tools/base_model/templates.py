"""A small template language: ``[a|b]`` draws one of the branches, ``{slot}`` inserts a filler.

Branches nest and may be empty. The drawn text is a pure function of the template, the
fillers and the random source.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random


def expand(template: str, rng: Random, fill: Callable[[str], str]) -> str:
    """Return one reading of ``template``.

    Args:
        template: text with ``[a|b]`` choices and ``{slot}`` places.
        rng: draws the branches.
        fill: returns the filler of a slot name; called in reading order.

    Raises:
        ValueError: if brackets or braces do not match.
    """
    return _Reader(template, rng, fill).read()


def capitalize_first(text: str) -> str:
    """Return ``text`` with its first letter in upper case and the rest untouched."""
    return text[:1].upper() + text[1:]


class _Reader:
    """Reads one template from left to right."""

    def __init__(self, template: str, rng: Random, fill: Callable[[str], str]) -> None:
        self._template, self._rng, self._fill = template, rng, fill
        self._at = 0

    def read(self) -> str:
        text = self._sequence(is_live=True)
        if self._at < len(self._template):
            raise ValueError(f"unmatched bracket at {self._at} in {self._template!r}")
        return text

    def _sequence(self, *, is_live: bool, is_nested: bool = False) -> str:
        """Read plain text, slots and choices up to ``]``, the end, or in a choice ``|``."""
        out: list[str] = []
        while self._at < len(self._template):
            char = self._template[self._at]
            if char == "]" or (is_nested and char == "|"):
                return "".join(out)
            if char == "[":
                out.append(self._choice(is_live=is_live))
            elif char == "{":
                slot = self._slot()
                out.append(self._fill(slot) if is_live else "")
            else:
                out.append(char)
                self._at += 1
        if is_nested:
            raise ValueError(f"unmatched '[' in {self._template!r}")
        return "".join(out)

    def _slot(self) -> str:
        end = self._template.find("}", self._at)
        if end < 0:
            raise ValueError(f"unmatched brace at {self._at} in {self._template!r}")
        slot, self._at = self._template[self._at + 1 : end], end + 1
        return slot

    def _choice(self, *, is_live: bool) -> str:
        """Read ``[a|b|c]``; only the drawn branch fills its slots."""
        drawn = self._rng.randrange(self._branch_count()) if is_live else -1
        chosen, index = "", 0
        while self._template[self._at] != "]":
            self._at += 1
            text = self._sequence(is_live=is_live and index == drawn, is_nested=True)
            chosen = text if index == drawn else chosen
            index += 1
        self._at += 1
        return chosen

    def _branch_count(self) -> int:
        """Count the branches of the choice that opens here."""
        depth, count = 0, 1
        for char in self._template[self._at :]:
            depth += (char == "[") - (char == "]")
            if depth == 0:
                return count
            count += char == "|" and depth == 1
        raise ValueError(f"unmatched '[' in {self._template!r}")
