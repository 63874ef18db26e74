"""JSON values to parameters and results to JSON values, compiled from shapes.

A decoder checks the kind of what it reads (SerializationException otherwise), so that an operation never sees
a number where the model says text. Unknown members and nulls are dropped, as AWS does. An encoder of None
means "as it is".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import orjson

from outcrop.aws.errors import SerializationException
from outcrop.aws.operation import ConstantResult
from outcrop.aws.protocols.contract import Convert, UnmodelledMemberError, malformed
from outcrop.aws.protocols.timestamps import parse_timestamp, value_formatter

if TYPE_CHECKING:
    from botocore.model import Shape

_SPECIAL_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_INFINITY = float("inf")
# No member of a service model is wider.
LEAST_INTEGER, GREATEST_INTEGER = -(1 << 63), (1 << 63) - 1
# Results are trees, so looking for cycles would only cost time.
_encode_text = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":")
).encode


def parse_json(body: bytes) -> Any:  # JSON is anything
    """Return the value of a JSON body; raises SerializationException when it is not JSON."""
    try:
        value = json.loads(body)
        if b"\\u" in body:
            # An escaped half of a surrogate pair is text that can be neither stored nor sent on.
            _encode_text(value).encode()
    except (ValueError, RecursionError) as error:
        raise SerializationException(f"The request body is not valid JSON: {error}") from None
    return value


def write_json(value: object) -> bytes:
    """Return compact UTF-8 JSON; unpaired surrogates become question marks."""
    try:
        return orjson.dumps(value)
    except TypeError:  # what orjson is stricter about: surrogates, whole numbers beyond 64 bits
        return _encode_text(value).encode("utf-8", "replace")


def decode_string(value: object) -> str:
    """Return text as it is."""
    if value.__class__ is str:
        return value
    raise malformed("a string", value)


def decode_boolean(value: object) -> bool:
    """Return true or false."""
    if value is True or value is False:
        return value
    raise malformed("a boolean", value)


def decode_integer(value: object) -> int:
    """Return a whole number of at most 64 bits; 3.0 counts as one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value.__class__ is int and LEAST_INTEGER <= value <= GREATEST_INTEGER:
        return value
    raise malformed("an integer", value)


def decode_float(value: object) -> float:
    """Return a number, or one of the names NaN, Infinity and -Infinity."""
    if value.__class__ is float:
        return value
    if value.__class__ is int:
        try:
            return float(value)
        except OverflowError:
            raise malformed("a number", value) from None
    if isinstance(value, str) and value in _SPECIAL_NUMBERS:
        return _SPECIAL_NUMBERS[value]
    raise malformed("a number", value)


def decode_blob(value: object) -> bytes:
    """Return the bytes of Base64 text."""
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            pass
    raise malformed("Base64 text", value)


def decode_anything(value: Any) -> Any:  # a document is anything
    """Return a document as it is."""
    return value


def encode_float(value: float | Decimal) -> float | str:
    """Return a number; what JSON has no number for goes by name."""
    number = float(value)
    if number != number:  # noqa: PLR0124  # only NaN differs from itself
        return "NaN"
    if number in (_INFINITY, -_INFINITY):
        return "Infinity" if number > 0 else "-Infinity"
    return number


def encode_blob(value: bytes | str) -> str:
    """Return Base64 text; text is taken as UTF-8."""
    content = value.encode() if isinstance(value, str) else value
    return base64.b64encode(content).decode("ascii")


_SCALAR_DECODERS: dict[str, Convert] = {
    "string": decode_string,
    "character": decode_string,
    "boolean": decode_boolean,
    "integer": decode_integer,
    "long": decode_integer,
    "float": decode_float,
    "double": decode_float,
    "blob": decode_blob,
    "timestamp": parse_timestamp,
}


class ShapeDecoder:
    """Compiles shapes into functions from JSON-like values to parameters; one per service and format."""

    def __init__(self, scalars: dict[str, Convert] | None = None) -> None:
        """Args: scalars: decoders by type name that differ from JSON's."""
        self._scalars = _SCALAR_DECODERS | (scalars or {})
        self._structures: dict[str, Convert] = {}

    def compile(self, shape: Shape) -> Convert:
        """Return the decoder of a shape."""
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        return self._scalars[kind]

    def compile_members(self, shape: Shape, names: Iterable[str]) -> Convert:
        """Return a decoder of the named members of a structure only."""
        members: dict[str, tuple[str, Convert]] = {}
        decode = _structure_decoder(members)
        self._fill(members, shape, names)
        return decode

    def _fill(
        self, members: dict[str, tuple[str, Convert]], shape: Shape, names: Iterable[str]
    ) -> None:
        for name in names:
            member = shape.members[name]
            members[member.serialization.get("name", name)] = (name, self.compile(member))

    def _structure(self, shape: Shape) -> Convert:
        if shape.is_document_type:
            return decode_anything
        known = self._structures.get(shape.name)
        if known is not None:
            return known
        members: dict[str, tuple[str, Convert]] = {}
        # Registered before its members are compiled: shapes may contain themselves.
        decode = self._structures[shape.name] = _structure_decoder(members)
        self._fill(members, shape, shape.members)
        return decode

    def _list(self, shape: Shape) -> Convert:
        decode_item = self.compile(shape.member)

        def decode(value: Any) -> list[Any]:
            if value.__class__ is not list:
                raise malformed("a list", value)
            return [None if item is None else decode_item(item) for item in value]

        return decode

    def _map(self, shape: Shape) -> Convert:
        decode_item = self.compile(shape.value)

        def decode(value: Any) -> dict[str, Any]:
            if value.__class__ is not dict:
                raise malformed("an object", value)
            return {key: None if item is None else decode_item(item) for key, item in value.items()}

        return decode


def _structure_decoder(members: dict[str, tuple[str, Convert]]) -> Callable[[Any], dict[str, Any]]:
    def decode(value: Any) -> dict[str, Any]:
        if value.__class__ is not dict:
            raise malformed("an object", value)
        result = {}
        for key, item in value.items():
            if item is not None:
                entry = members.get(key)
                if entry is not None:
                    result[entry[0]] = entry[1](item)
        return result

    return decode


class ShapeEncoder:
    """Compiles shapes into functions from results to JSON-like values; None means "as it is"."""

    def __init__(
        self,
        blob: Convert | None = encode_blob,
        number: Convert | None = encode_float,
        timestamp_format: str = "unixTimestamp",
        timestamp: Convert | None = None,
    ) -> None:
        """Args: timestamp: writes every timestamp where the format has a type of its own for them."""
        self._blob = blob
        self._number = number
        self._timestamp_format = timestamp_format
        self._timestamp = timestamp
        self._structures: dict[str, Convert] = {}

    def compile(self, shape: Shape) -> Convert | None:
        """Return the encoder of a shape."""
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        if kind == "timestamp":
            wanted = shape.serialization.get("timestampFormat", self._timestamp_format)
            return _timestamp_encoder(self._timestamp or value_formatter(wanted))
        return {"blob": self._blob, "float": self._number, "double": self._number}.get(kind)

    def compile_members(self, shape: Shape, names: Iterable[str]) -> Convert:
        """Return an encoder of a structure that has the named members only."""
        members: dict[str, tuple[str, Convert | None]] = {}
        encode = _structure_encoder(shape.name, members)
        self._fill(members, shape, names)
        return encode

    def _fill(
        self, members: dict[str, tuple[str, Convert | None]], shape: Shape, names: Iterable[str]
    ) -> None:
        for name in names:
            member = shape.members[name]
            members[name] = (member.serialization.get("name", name), self.compile(member))

    def _structure(self, shape: Shape) -> Convert | None:
        if shape.is_document_type:
            return None
        known = self._structures.get(shape.name)
        if known is not None:
            return known
        members: dict[str, tuple[str, Convert | None]] = {}
        encode = self._structures[shape.name] = _structure_encoder(shape.name, members)
        self._fill(members, shape, shape.members)
        return encode

    def _list(self, shape: Shape) -> Convert:
        encode_item = self.compile(shape.member)
        if encode_item is None:
            return list
        convert = encode_item
        return lambda value: [None if item is None else convert(item) for item in value]

    def _map(self, shape: Shape) -> Convert:
        encode_item = self.compile(shape.value)
        if encode_item is None:
            return dict
        convert = encode_item
        return lambda value: {
            key: None if item is None else convert(item) for key, item in value.items()
        }


def _timestamp_encoder(convert: Convert) -> Convert:
    # Results may carry what botocore also takes for a time: text or seconds.
    def encode(value: object) -> object:
        return convert(value if isinstance(value, datetime) else parse_timestamp(value))

    return encode


def _structure_encoder(
    shape_name: str, members: dict[str, tuple[str, Convert | None]]
) -> Callable[[Any], dict[str, Any]]:
    def encode(value: Any) -> dict[str, Any]:
        is_constant = value.__class__ is ConstantResult
        if is_constant and encode in value.encoded:
            return cast("dict[str, Any]", value.encoded[encode])
        result = {}
        for member, item in value.items():
            if item is not None:
                try:
                    name, convert = members[member]
                except KeyError:
                    raise UnmodelledMemberError(shape_name, member) from None
                result[name] = item if convert is None else convert(item)
        if is_constant:
            value.encoded[encode] = result
        return result

    return encode
