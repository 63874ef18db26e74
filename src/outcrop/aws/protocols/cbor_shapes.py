"""CBOR data items to parameters and back. CBOR has bytes, floats and times of its own; the rest is as in JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import cbor2

from outcrop.aws.errors import SerializationException
from outcrop.aws.protocols.contract import malformed
from outcrop.aws.protocols.json_shapes import ShapeDecoder, ShapeEncoder
from outcrop.aws.protocols.timestamps import parse_timestamp, to_epoch

_EPOCH_TAG = 1


def parse_cbor(body: bytes) -> Any:  # CBOR is anything
    """Return the value of a CBOR body; raises SerializationException when it is not CBOR."""
    try:
        return _defined(cbor2.loads(body))
    except (
        cbor2.CBORDecodeError,
        # What the values of its tags raise: dates, fractions, patterns, keys that are no keys.
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
        re.error,
    ) as error:
        raise SerializationException(f"The request body is not valid CBOR: {error}") from None


def _defined(value: Any) -> Any:
    # CBOR's "undefined" means the same as null.
    if isinstance(value, dict):
        return {key: _defined(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_defined(item) for item in value]
    return None if value is cbor2.undefined else value


def write_cbor(value: object) -> bytes:
    """Return CBOR."""
    return cbor2.dumps(value)


def _decode_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    raise malformed("a byte string", value)


def _decode_time(value: object) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return parse_timestamp(value)


def cbor_decoder() -> ShapeDecoder:
    """Return a decoder of CBOR values."""
    return ShapeDecoder({"blob": _decode_bytes, "timestamp": _decode_time})


def cbor_encoder() -> ShapeEncoder:
    """Return an encoder to CBOR values: times as tag 1, bytes as bytes, floats as they are."""
    return ShapeEncoder(
        blob=lambda value: value.encode() if isinstance(value, str) else bytes(value),
        number=float,
        timestamp=lambda value: cbor2.CBORTag(_EPOCH_TAG, to_epoch(value)),
    )
