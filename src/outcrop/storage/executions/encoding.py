"""JSON for columns: as fast as can be, and whole for what only the standard module takes.

Users' data may hold integers above 64 bits and lone surrogates; a value that could not be written would keep every
other execution's group from the disk.
"""

import json
from typing import Any

import orjson


def encoded(value: Any) -> bytes:
    """Return a value's JSON."""
    try:
        return orjson.dumps(value)
    except TypeError:  # orjson's error for both
        return json.dumps(value, separators=(",", ":")).encode()


def decoded(content: bytes) -> Any:
    """Return what `encoded` was given (tuples as lists)."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)
