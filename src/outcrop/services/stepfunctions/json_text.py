"""JSON texts from callers: read, and refused in the words that AWS's JSON parser has for it.

Source: recorded answers to StartExecution; the phrases are those of the Jackson library.
"""

import json
import re
from typing import Any

_TOKEN = re.compile(r"[A-Za-z0-9_$]+")
_STARTS_VALUE = re.compile(r"[\"\[{\-0-9]")
_ANY_VALUE = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
# What Python's parser says → what AWS's expects at that place.
_EXPECTATIONS = (
    ("Expecting value", f"expected a valid value {_ANY_VALUE}"),
    ("property name", "was expecting double-quote to start field name"),
    ("':' delimiter", "was expecting a colon to separate field name and value"),
    ("',' delimiter", "was expecting comma to separate Object entries"),
    ("Extra data", f"expected a valid value {_ANY_VALUE}"),
)


class NotJson(ValueError):
    """A text is no JSON; the message is AWS's."""


def read(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        NotJson: it is none; the message is empty for an empty text.
    """
    if not text.strip():
        raise NotJson("")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise NotJson(_explain(error)) from None
    except RecursionError:
        raise NotJson("Document nesting depth exceeds the maximum allowed") from None


def _refuse_constant(name: str) -> Any:
    raise NotJson(
        f"Non-standard token '{name}': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow"
    )


def _explain(error: json.JSONDecodeError) -> str:
    rest = error.doc[error.pos :]
    if "Unterminated string" in error.msg:
        return "Unexpected end-of-input in VALUE_STRING"
    if not rest:
        return "Unexpected end-of-input"
    token = _TOKEN.match(rest)
    if error.msg.startswith("Expecting value") and token and not _STARTS_VALUE.match(rest):
        return f"Unrecognized token '{token.group()}': was expecting {_ANY_VALUE}"
    for beginning, expected in _EXPECTATIONS:
        if beginning in error.msg:
            return _unexpected(rest, expected)
    return error.msg


def _unexpected(rest: str, expected: str) -> str:
    character = rest[0]
    return f"Unexpected character ('{character}' (code {ord(character)})): {expected}"
