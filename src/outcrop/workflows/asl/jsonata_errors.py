"""JSONata's errors in the words of its reference implementation, which AWS quotes.

jsonata-python carries the catalogue of messages with "function" replaced by "Object", and puts
values in without quotes; the sentences are made anew from the code and the values it hands over.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from outcrop.workflows.asl.jsonata_library import library

_TYPE_NAMES: Final = {
    "a": "arrays",
    "b": "booleans",
    "f": "functions",
    "n": "numbers",
    "o": "objects",
    "s": "strings",
}
_RAW_OR_QUOTED: Final = re.compile(r"\{\{\{\w+\}\}\}|\{\{\w+\}\}")


def told(error: Exception, *, with_code: bool = True) -> str:
    """Return what a failure says, as `T0410: Argument 1 of function "each" does not match …`."""
    code = getattr(error, "error", None)
    if code is None:
        return _told_python(error)
    sentence = _sentence(error, str(code))
    return f"{code}: {sentence}" if with_code and sentence != code else sentence


def _sentence(error: Any, code: str) -> str:
    template = library().exception.error_codes.get(code)
    if template is None:
        return code  # the library put a whole sentence where a code belongs
    values = [error.current, error.expected, error.extra]
    if code == "T0412":
        values[2] = _TYPE_NAMES.get(str(values[2]), values[2])
    places = iter(values)

    def put(found: re.Match[str]) -> str:
        value = next(places, None)
        return str(value) if found[0].startswith("{{{") else _quoted(value)

    return _RAW_OR_QUOTED.sub(put, template.replace("Object", "function"))


def _quoted(value: Any) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except TypeError:
        return json.dumps(str(value))


def _told_python(error: Exception) -> str:
    """Return the sentence for an error of Python's own that a library function let out."""
    if isinstance(error, ZeroDivisionError):
        return "D1001: Number out of range: null"
    if found := re.fullmatch(r"Invalid isoformat string: '(.*)'", str(error), re.DOTALL):
        return (
            "D3110: The argument of the toMillis function must be an ISO 8601 formatted "
            f"timestamp. Given {_quoted(found[1])}"
        )
    if isinstance(error, RecursionError):
        return "Stack overflow error: Check for non-terminating recursive function."
    return str(error)
