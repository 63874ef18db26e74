"""java.util.Random, so that a seed draws here what it draws in Step Functions."""

from __future__ import annotations

from typing import Final

# The linear congruential generator that the class's documentation lays down.
_MULTIPLIER: Final = 0x5DEECE66D
_INCREMENT: Final = 0xB
_MASK: Final = (1 << 48) - 1


class JavaRandom:
    """The 48-bit generator, seeded with a whole number."""

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ _MULTIPLIER) & _MASK

    def _bits(self, count: int) -> int:
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        return self._state >> (48 - count)

    def next_double(self) -> float:
        """Return a number from [0, 1)."""
        return float((self._bits(26) << 27) + self._bits(27)) * 2.0**-53

    def next_below(self, bound: int) -> int:
        """Return a whole number from [0, bound)."""
        if bound > 0x7FFFFFFF:
            return int(self.next_double() * bound)
        if bound & (bound - 1) == 0:
            return (bound * self._bits(31)) >> 31
        while True:
            drawn = self._bits(31)
            value = drawn % bound
            if drawn - value + (bound - 1) <= 0x7FFFFFFF:
                return value
