"""The interpreter of JSONata, loaded when the first expression needs it."""

from __future__ import annotations

import functools
import sys
from typing import Any, NamedTuple


class Library(NamedTuple):
    """What is used of the package: the interpreter, its exception, its mark of null."""

    interpreter: Any
    exception: Any
    null: Any


@functools.cache
def library() -> Library:
    """Return the package's parts; loading takes some 50 ms.

    The package raises the whole process's recursion limit when it is loaded. Expressions are
    bounded far below (`jsonata.MAX_DEPTH`), so the limit is put back.
    """
    limit = sys.getrecursionlimit()
    try:
        from jsonata.jexception import JException
        from jsonata.jsonata import Jsonata
        from jsonata.utils import Utils
    finally:
        sys.setrecursionlimit(limit)
    return Library(Jsonata, JException, Utils.NULL_VALUE)
