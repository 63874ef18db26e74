"""The order in which a Java HashMap tells its keys: the members of what AWS reads from CSV files come in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_FIRST_BUCKETS: Final = 16
_LOAD: Final = 0.75


def hash_ordered(keys: Sequence[str]) -> list[str]:
    """Return distinct keys in the order of a HashMap that they were put into one by one.

    Chains of twelve buckets and more, which Java turns into trees, are not told apart: they need keys made for it.
    """
    buckets = _FIRST_BUCKETS
    while len(keys) > buckets * _LOAD:
        buckets *= 2
    return sorted(keys, key=lambda key: _spread(key) & (buckets - 1))


def _spread(key: str) -> int:
    """Return java.lang.String.hashCode, its upper half mixed into the lower as HashMap does."""
    code = 0
    data = key.encode("utf-16-be", "surrogatepass")
    for place in range(0, len(data), 2):
        code = (code * 31 + int.from_bytes(data[place : place + 2], "big")) & 0xFFFF_FFFF
    return code ^ (code >> 16)
