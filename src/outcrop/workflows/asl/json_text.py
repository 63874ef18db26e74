"""JSON as Step Functions writes it into histories and causes: compact, in order, unescaped."""

from __future__ import annotations

import json
from typing import Any

import orjson


def compact(value: Any) -> str:
    """Return a value's JSON text without spaces; numbers beyond 64 bits included."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, UnicodeError):  # orjson knows no integers above 64 bits, no lone surrogates
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def java_text(value: Any) -> str:
    """Return a value as Java's toString shows it, which is what States.Format inserts.

    Objects become {a=1, b=[x]} and strings inside stand without quotes.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _java_double(value)
    if isinstance(value, list):
        return "[" + ", ".join(java_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={java_text(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def _java_double(value: float) -> str:
    """Return a double in Java's notation: scientific below 10^-3 and from 10^7 on."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    mantissa, exponent = f"{value:.17e}".split("e")
    shortest = repr(value)
    if "e" in shortest:
        mantissa, exponent = shortest.split("e")
    else:
        digits = shortest.replace(".", "").lstrip("-").strip("0") or "0"
        mantissa = ("-" if value < 0 else "") + digits[0] + "." + (digits[1:] or "0")
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}E{int(exponent)}"
