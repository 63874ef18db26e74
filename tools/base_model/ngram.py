"""Interpolated Kneser-Ney n-gram models over any integer symbols, for comparison."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Symbols = npt.NDArray[np.int64]


class KneserNey:
    """An n-gram model with absolute discounting and continuation counts.

    Args:
        text: the training symbols, each in ``range(size)``.
        size: number of symbols; ``size ** order`` must fit in 63 bits.
        order: length of the longest n-gram.

    Raises:
        ValueError: if n-grams of this order do not fit in 63 bits.

    Source: Chen and Goodman 1999, "An empirical study of smoothing techniques for language
    modeling", section 2.7 (interpolated, one discount per order).
    """

    def __init__(self, text: Symbols, size: int, order: int = 5) -> None:
        if order * math.log2(size) >= 63:
            raise ValueError(f"{order}-grams over {size} symbols do not fit in 63 bits")
        self._size, self._order = size, order
        self._levels: list[_Level] = []
        grams, counts = np.unique(_codes(text, size, order), return_counts=True)
        for level in range(order, 0, -1):
            self._levels.append(_Level(grams, counts, size))
            # A lower order counts in how many contexts a gram continues, not how often it occurs.
            grams, counts = np.unique(grams % size ** (level - 1), return_counts=True)
        self._levels.reverse()

    def bits(self, text: Symbols, start: int) -> float:
        """Return the code length of ``text[start:]`` in bits, given what stands before."""
        probability = np.full(len(text) - start, 1.0 / self._size)
        for level, table in enumerate(self._levels, start=1):
            # Positions too near to the beginning have no context of this length.
            first = max(start, level - 1)
            codes = _codes(text[first - level + 1 :], self._size, level)
            known = probability[first - start :]
            probability[first - start :] = table.interpolate(codes, known)
        return float(-np.log2(probability).sum())


class _Level:
    """The counts of one order."""

    def __init__(self, grams: Symbols, counts: Symbols, size: int) -> None:
        self._grams, self._counts, self._size = grams, counts, size
        contexts, starts = np.unique(grams // size, return_index=True)
        self._contexts = contexts
        self._totals = np.add.reduceat(counts, starts)
        self._kinds = np.diff(np.append(starts, len(grams)))
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        self._discount = once / (once + 2 * twice) if once and twice else 0.5

    def interpolate(
        self, codes: Symbols, lower: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return the probabilities of this order, backing off to those of the lower one."""
        counts = _find(self._grams, self._counts, codes)
        totals = _find(self._contexts, self._totals, codes // self._size)
        kinds = _find(self._contexts, self._kinds, codes // self._size)
        seen = np.maximum(counts - self._discount, 0.0) + self._discount * kinds * lower
        return np.where(totals > 0, seen / np.maximum(totals, 1), lower)


def _codes(text: Symbols, size: int, order: int) -> Symbols:
    """Return every window of ``order`` symbols as one number, the oldest symbol highest."""
    count = max(len(text) - order + 1, 0)
    codes = np.zeros(count, dtype=np.int64)
    for offset in range(order):
        codes = codes * size + text[offset : offset + count]
    return codes


def _find(keys: Symbols, values: Symbols, wanted: Symbols) -> Symbols:
    """Return the value of each wanted key, 0 where it is missing; ``keys`` are sorted."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)
