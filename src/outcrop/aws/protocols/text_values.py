"""Values that stand in paths, queries and headers: text to parameters and back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from outcrop.aws.errors import SerializationException
from outcrop.aws.protocols.contract import Convert, malformed
from outcrop.aws.protocols.json_shapes import (
    GREATEST_INTEGER,
    LEAST_INTEGER,
    decode_blob,
    decode_float,
    encode_blob,
    encode_float,
    parse_json,
)
from outcrop.aws.protocols.timestamps import parse_timestamp, text_formatter

if TYPE_CHECKING:
    from botocore.model import Shape


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def read_boolean(text: str) -> bool:
    """Return true or false by its lower-case name."""
    if text == "true":
        return True
    if text == "false":
        return False
    raise malformed("true or false", text)


def read_integer(text: str) -> int:
    """Return a whole decimal number of at most 64 bits."""
    try:
        number = int(text) if text.isascii() and "_" not in text else None
    except ValueError:
        number = None
    if number is None or not LEAST_INTEGER <= number <= GREATEST_INTEGER:
        raise malformed("an integer", text)
    return number


def read_float(text: str) -> float:
    """Return a decimal number, or one of the names NaN, Infinity and -Infinity."""
    try:
        return float(text)
    except ValueError:
        return decode_float(text)


def read_text(text: str) -> str:
    """Return text as it is."""
    return text


def _read_json(text: str) -> Any:  # a jsonvalue header is anything
    return parse_json(decode_blob(text))


_READERS: dict[str, Convert] = {
    "string": read_text,
    "character": read_text,
    "boolean": read_boolean,
    "integer": read_integer,
    "long": read_integer,
    "float": read_float,
    "double": read_float,
    "blob": decode_blob,
    "timestamp": parse_timestamp,
}


def text_reader(shape: Shape) -> Convert:
    """Return the function that reads a scalar member from text."""
    if shape.serialization.get("jsonvalue"):
        return _read_json
    return _READERS[shape.type_name]


def header_list_reader(shape: Shape) -> Callable[[str], list[Any]]:
    """Return the function that reads a list member from one comma-separated header."""
    member = shape.member
    read = text_reader(member)
    if member.type_name == "timestamp" and "timestampFormat" not in member.serialization:
        return lambda text: [read(item) for item in _split_dates(text)]
    return lambda text: [read(item) for item in split_header_list(text)] if text else []


def _split_dates(text: str) -> list[str]:
    # An HTTP date holds a comma itself: "Mon, 16 Dec 2019 23:48:18 GMT".
    parts = [part.strip() for part in text.split(",")]
    if len(parts) % 2 or not parts[0].isalpha():
        return parts
    return [f"{parts[i]}, {parts[i + 1]}" for i in range(0, len(parts), 2)]


def split_header_list(text: str) -> list[str]:
    r"""Return the items of a comma-separated header; items may be quoted, with \" inside."""
    if '"' not in text:
        return [item.strip() for item in text.split(",")]
    items: list[str] = []
    item: list[str] = []
    quoted = escaped = was_quoted = False
    for character in text:
        if escaped:
            item.append(character)
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
            was_quoted = True
        elif character == "," and not quoted:
            items.append("".join(item) if was_quoted else "".join(item).strip())
            item, was_quoted = [], False
        elif quoted or not (was_quoted or (character.isspace() and not item)):
            # Blanks around the quotes of an item are not part of it.
            item.append(character)
    if quoted:
        raise SerializationException(f"A quoted header item does not end: {text!r:.100}")
    items.append("".join(item) if was_quoted else "".join(item).strip())
    return items


def write_header_text(value: object) -> str:
    """Return a header value on one line; line breaks would end the header, so control characters become blanks."""
    text = value if isinstance(value, str) else str(value)
    return text if text.isprintable() else _CONTROL.sub(" ", text)


def _write_boolean(value: object) -> str:
    return "true" if value else "false"


def _write_json(value: object) -> str:
    return encode_blob(json.dumps(value, separators=(",", ":")))


def _write_float(value: float) -> str:
    return str(encode_float(value))


def text_writer(shape: Shape, timestamp_format: str) -> Convert:
    """Return the function that writes a scalar member as text.

    Args:
        shape: a scalar member.
        timestamp_format: of timestamps that the model leaves open.
    """
    if shape.serialization.get("jsonvalue"):
        return _write_json
    kind = shape.type_name
    if kind == "boolean":
        return _write_boolean
    if kind in ("float", "double"):
        return _write_float
    if kind == "blob":
        return encode_blob
    if kind == "timestamp":
        write = text_formatter(shape.serialization.get("timestampFormat", timestamp_format))
        return lambda value: write(value if isinstance(value, datetime) else parse_timestamp(value))
    return write_header_text


def header_list_writer(shape: Shape) -> Callable[[list[Any]], str]:
    """Return the function that writes a list member as one header; items with commas are quoted."""
    member = shape.member
    write = text_writer(member, "rfc822")
    if member.type_name == "timestamp":
        return lambda values: ", ".join(write(value) for value in values)
    return lambda values: ", ".join(_quoted(write(value)) for value in values)


def _quoted(item: str) -> str:
    if "," in item or '"' in item:
        escaped = item.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return item
