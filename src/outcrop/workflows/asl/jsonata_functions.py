"""The functions that Step Functions adds to JSONata: partition, range, hash, random, uuid, parse."""

from __future__ import annotations

import functools
import hashlib
import json
import random
import uuid
from collections.abc import Callable
from typing import Any, Final

from outcrop.workflows.asl.java_random import JavaRandom
from outcrop.workflows.asl.jsonata_library import library

_ALGORITHMS: Final = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}


def _failure(code: str, *values: Any) -> Exception:
    failure: Exception = library().exception(code, -1, *values)
    return failure


def _mismatch(function: str, position: int) -> Exception:
    return _failure("T0410", position, function)


def _checked(arguments: tuple[Any, ...], function: str, most: int) -> list[Any]:
    """Return the arguments with None for those left out; more than the function takes are refused."""
    if len(arguments) > most:
        raise _mismatch(function, most + 1)
    return [*arguments, *[None] * (most - len(arguments))]


def _whole(value: Any, function: str, position: int) -> int:
    """Return a number cut towards zero."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _mismatch(function, position)
    return int(value)


def _partition(*arguments: Any) -> Any:
    values, size = _checked(arguments, "partition", 2)
    if values is None:
        return None
    if not isinstance(values, list):
        raise _failure("T0412", 1, "partition", "undefined")
    if not values:
        return None
    if size is None:
        return [values]
    step = _whole(size, "partition", 2)
    if step < 0:
        raise _failure("D3137", "Second argument must be zero or greater")
    if step == 0:
        return None
    return [list(values[at : at + step]) for at in range(0, len(values), step)]


def _range(*arguments: Any) -> Any:
    first, last, step = _checked(arguments, "range", 3)
    start, stop = _whole(first, "range", 1), _whole(last, "range", 2)
    if step is None:
        return None
    stride = _whole(step, "range", 3)
    if stride == 0 or ((stride > 0) != (stop >= start) and start != stop):
        return None
    if start == stop:
        return start  # a sequence of one is its element
    return list(range(start, stop + (1 if stride > 0 else -1), stride))


def _hash(*arguments: Any) -> Any:
    text, algorithm = _checked(arguments, "hash", 2)
    if not isinstance(text, str):
        raise _mismatch("hash", 1)
    if algorithm is None:
        return None
    if not isinstance(algorithm, str):
        raise _mismatch("hash", 2)
    if algorithm not in _ALGORITHMS:
        raise _failure(
            "D3137",
            f"Hash algorithm '{algorithm}' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5",
        )
    return hashlib.new(_ALGORITHMS[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _random(*arguments: Any) -> float:
    (seed,) = _checked(arguments, "random", 1)
    if seed is None:
        return random.random()  # noqa: S311 a workflow's dice, no secret
    return JavaRandom(_whole(seed, "random", 1)).next_double()


def _uuid(*arguments: Any) -> str:
    _checked(arguments, "uuid", 0)
    return str(uuid.uuid4())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


def _finite(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError("out of range")
    return value


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _parse(*arguments: Any) -> Any:
    (text,) = _checked(arguments, "parse", 1)
    if text is None:
        return None
    if not isinstance(text, str):
        raise _mismatch("parse", 1)
    try:
        value = json.loads(
            text, object_pairs_hook=_once, parse_float=_finite, parse_constant=_no_constant
        )
    except ValueError:
        raise _failure("D3137", "Invalid JSON") from None
    if value is None:
        return library().null
    return value


@functools.cache
def step_functions_functions() -> dict[str, Any]:
    """Return the functions as the library binds them."""
    functions: dict[str, tuple[Callable[..., Any], int]] = {
        "partition": (_partition, 2),
        "range": (_range, 3),
        "hash": (_hash, 2),
        "random": (_random, 1),
        "uuid": (_uuid, 0),
        "parse": (_parse, 1),
    }

    Lambda: Any = library().interpreter.JLambda

    class Added(Lambda):  # type: ignore[misc]
        """A function that can be applied in part: its name and number of arguments are known."""

        signature = None

        def __init__(self, name: str, function: Callable[..., Any], most: int) -> None:
            super().__init__(function)
            self.function_name = name
            self._most = most

        def get_number_of_args(self) -> int:
            """Return how many arguments the function takes at most."""
            return self._most

    return {name: Added(name, function, most) for name, (function, most) in functions.items()}
