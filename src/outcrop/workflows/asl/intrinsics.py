"""The eighteen intrinsic functions, `States.Format` and its kin: what each does with its values.

How a call is written and read is `intrinsic_calls`' business.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import random
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

from outcrop.workflows.asl.java_random import JavaRandom
from outcrop.workflows.asl.json_text import compact, java_text

# Quotas of the intrinsics, from the developer guide.
MAX_TEXT: Final = 10_000
MAX_RANGE: Final = 1_000
_ALGORITHMS: Final = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}


class IntrinsicError(Exception):
    """Arguments that a function cannot take."""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _rounded(value: Any, name: str) -> int:
    """Return a number rounded as Java's Math.round does: halves go up, -1.5 to -1."""
    if not _is_number(value) or (isinstance(value, float) and not math.isfinite(value)):
        raise IntrinsicError(f"The {name} argument must be a number")
    return value if isinstance(value, int) else math.floor(value + 0.5)


def _array(value: Any, name: str = "first") -> list[Any]:
    if not isinstance(value, list):
        raise IntrinsicError(f"The {name} argument must be an array")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise IntrinsicError(f"The {name} argument must be a string")
    return value


def same(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal; 1 is neither true nor, but for 1.0, anything else."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def fill(pieces: Sequence[str], values: Sequence[Any]) -> str:
    """Return the text that States.Format makes of the pieces between its `{}` and its values."""
    if len(pieces) - 1 != len(values):
        raise IntrinsicError(
            f"The number of arguments ({len(values)}) does not match the occurrences of {{}} "
            f"({len(pieces) - 1})"
        )
    parts = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        parts += [java_text(value), piece]
    return "".join(parts)


def format_text(template: Any, *values: Any) -> str:
    """Return a template from data with each `{}` replaced."""
    return fill(_text(template, "first").split("{}"), values)


def string_to_json(text: Any) -> Any:
    """Return the value that a JSON text stands for; a blank one is null to AWS."""
    given = _text(text, "first")
    if not given.strip():
        return None
    try:
        return json.loads(given)
    except ValueError as error:
        raise IntrinsicError("The argument is not a valid JSON string") from error


def json_to_string(value: Any) -> str:
    """Return a value's compact JSON text."""
    return compact(value)


def array(*values: Any) -> list[Any]:
    """Return the values as an array."""
    return list(values)


def array_partition(values: Any, size: Any) -> list[list[Any]]:
    """Return an array cut into chunks, the last one shorter."""
    step = _rounded(size, "second")
    if step < 1:
        raise IntrinsicError("The second argument must be a positive integer")
    elements = _array(values)
    return [elements[at : at + step] for at in range(0, len(elements), step)]


def array_contains(values: Any, wanted: Any) -> bool:
    """Return whether an array holds a value."""
    return any(same(value, wanted) for value in _array(values))


def array_range(first: Any, last: Any, step: Any) -> list[int]:
    """Return numbers from first to last, both included, a step apart."""
    start, stop, stride = (
        _rounded(first, "first"),
        _rounded(last, "second"),
        _rounded(step, "third"),
    )
    if stride == 0:
        raise IntrinsicError("The third argument must not be zero")
    numbers = range(start, stop + (1 if stride > 0 else -1), stride)
    if len(numbers) > MAX_RANGE:
        raise IntrinsicError(f"The array must not contain more than {MAX_RANGE} elements")
    return list(numbers)


def array_get_item(values: Any, position: Any) -> Any:
    """Return the element at a position counted from 0."""
    elements = _array(values)
    if not isinstance(position, int) or isinstance(position, bool):
        raise IntrinsicError("The second argument must be an integer")
    if not 0 <= position < len(elements):
        raise IntrinsicError("The index is out of bounds for the array")
    return elements[position]


def array_length(values: Any) -> int:
    """Return how many elements an array has."""
    return len(_array(values))


def array_unique(values: Any) -> list[Any]:
    """Return an array without what came before; the order stays."""
    kept: list[Any] = []
    for value in _array(values):
        if not any(same(value, earlier) for earlier in kept):
            kept.append(value)
    return kept


def base64_encode(text: Any) -> str:
    """Return a text's UTF-8 bytes in base64."""
    return base64.b64encode(_limited(_text(text, "first")).encode()).decode()


def base64_decode(text: Any) -> str:
    """Return the text whose UTF-8 bytes a base64 text holds."""
    encoded = _limited(_text(text, "first"))
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise IntrinsicError("The argument is not a valid base64 string") from error


def _limited(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise IntrinsicError(f"The argument must not be longer than {MAX_TEXT} characters")
    return text


def digest(data: Any, algorithm: Any) -> str:
    """Return a digest in lower hexadecimal; what is no string is hashed as its JSON text."""
    name = _ALGORITHMS.get(_text(algorithm, "second"))
    if name is None:
        raise IntrinsicError(f"The algorithm must be one of {', '.join(_ALGORITHMS)}")
    text = _limited(data if isinstance(data, str) else compact(data))
    return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()


def json_merge(left: Any, right: Any, is_deep: Any) -> dict[str, Any]:
    """Return two objects as one, the second's members over the first's; only shallow merges exist."""
    if is_deep is not False:
        raise IntrinsicError("Only shallow merging is supported: the third argument must be false")
    if not isinstance(left, dict) or not isinstance(right, dict):
        raise IntrinsicError("The first and second arguments must be objects")
    return {**left, **right}


def math_random(first: Any, last: Any, seed: Any = None) -> int:
    """Return a number from first up to, not including, last; the same one for the same seed."""
    low, high = _rounded(first, "first"), _rounded(last, "second")
    if high <= low:
        raise IntrinsicError("The second argument must be greater than the first")
    if seed is None:
        return random.randrange(low, high)  # noqa: S311 a workflow's dice, no secret
    return low + JavaRandom(_rounded(seed, "third")).next_below(high - low)


def math_add(left: Any, right: Any) -> int:
    """Return the sum of two numbers, each rounded first."""
    return _rounded(left, "first") + _rounded(right, "second")


def string_split(text: Any, splitters: Any) -> list[str]:
    """Return the parts of a text between any of the characters given, empty parts left out."""
    subject, delimiters = _text(text, "first"), _text(splitters, "second")
    if not delimiters:
        raise IntrinsicError("The second argument must not be empty")
    parts: list[str] = []
    current: list[str] = []
    for character in subject:
        if character not in delimiters:
            current.append(character)
        elif current:
            parts.append("".join(current))
            current = []
    if current:
        parts.append("".join(current))
    return parts


def new_uuid() -> str:
    """Return a fresh version 4 UUID."""
    return str(uuid.uuid4())


# Name, function, fewest and most arguments (None: any number).
FUNCTIONS: Final[dict[str, tuple[Callable[..., Any], int, int | None]]] = {
    "States.Format": (format_text, 1, None),
    "States.StringToJson": (string_to_json, 1, 1),
    "States.JsonToString": (json_to_string, 1, 1),
    "States.Array": (array, 0, None),
    "States.ArrayPartition": (array_partition, 2, 2),
    "States.ArrayContains": (array_contains, 2, 2),
    "States.ArrayRange": (array_range, 3, 3),
    "States.ArrayGetItem": (array_get_item, 2, 2),
    "States.ArrayLength": (array_length, 1, 1),
    "States.ArrayUnique": (array_unique, 1, 1),
    "States.Base64Encode": (base64_encode, 1, 1),
    "States.Base64Decode": (base64_decode, 1, 1),
    "States.Hash": (digest, 2, 2),
    "States.JsonMerge": (json_merge, 3, 3),
    "States.MathRandom": (math_random, 2, 3),
    "States.MathAdd": (math_add, 2, 2),
    "States.StringSplit": (string_split, 2, 2),
    "States.UUID": (new_uuid, 0, 0),
}
