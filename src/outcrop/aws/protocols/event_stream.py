"""Event streams in responses: each event becomes one binary frame.

Frame: 4 bytes total length, 4 bytes length of the headers, CRC32 of these 8 bytes, headers, payload, CRC32 of
all before it; big-endian. Header: length of the name (1 byte), name, type (1 byte), value. Source: the AWS
event stream encoding, application/vnd.amazon.eventstream.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from outcrop.aws.errors import ServiceError
from outcrop.aws.http import HttpResponse
from outcrop.aws.protocols.contract import Convert, UnmodelledMemberError, is_event_stream
from outcrop.aws.protocols.json_shapes import ShapeEncoder, write_json
from outcrop.aws.protocols.timestamps import to_epoch

if TYPE_CHECKING:
    from botocore.model import Shape

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_SHORT = struct.Struct(">H")

FrameWriter = Callable[[Any], bytes]


class EventFormat(Protocol):
    """How a protocol writes the payload of an event."""

    content_type: str

    def writer(self, shape: Shape, names: list[str] | None) -> Callable[[Any], bytes]:
        """Return a function from a structure to a payload; `names` limits it to these members."""


class JsonEvents:
    """Events with JSON payloads."""

    content_type = "application/json"

    def __init__(self) -> None:
        self._encoder = ShapeEncoder()

    def writer(self, shape: Shape, names: list[str] | None) -> Callable[[Any], bytes]:
        """Return a function from a structure to JSON."""
        encode: Convert | None
        if names is None:
            encode = self._encoder.compile(shape)
        else:
            encode = self._encoder.compile_members(shape, names)
        if encode is None:
            return write_json
        convert = encode
        return lambda value: write_json(convert(value))


def encode_frame(headers: list[tuple[str, object]], payload: bytes) -> bytes:
    """Return one frame."""
    return _frame(b"".join(_encode_header(name, value) for name, value in headers), payload)


def _frame(head: bytes, payload: bytes) -> bytes:
    prelude = _PRELUDE.pack(len(head) + len(payload) + 16, len(head))
    frame = b"".join((prelude, _CRC.pack(zlib.crc32(prelude)), head, payload))
    return frame + _CRC.pack(zlib.crc32(frame))


def _encode_header(name: str, value: object) -> bytes:
    encoded = name.encode()
    start = bytes((len(encoded),)) + encoded
    if isinstance(value, bool):
        return start + (b"\x00" if value else b"\x01")
    if isinstance(value, int):
        return start + b"\x05" + struct.pack(">q", value)
    if isinstance(value, bytes):
        return start + b"\x06" + _SHORT.pack(len(value)) + value
    if isinstance(value, datetime):
        return start + b"\x08" + struct.pack(">q", round(to_epoch(value) * 1000))
    text = str(value).encode()
    return start + b"\x07" + _SHORT.pack(len(text)) + text


class EventStreamWriter:
    """Writes the events of one output shape.

    Args:
        shape: the output shape.
        member: name of its event stream member.
        events: format of the payloads.
        with_initial_response: whether the other members go first, as a frame of their own (RPC protocols).
    """

    def __init__(
        self, shape: Shape, member: str, events: EventFormat, *, with_initial_response: bool
    ) -> None:
        self._member = member
        self._initial: Callable[[Any], bytes] | None = None
        self._events = events
        if with_initial_response:
            names = [name for name in shape.members if name != member]
            self._initial = events.writer(shape, names)
        stream_shape = shape.members[member]
        self._stream_name = stream_shape.name
        self._writers: dict[str, FrameWriter] = {}
        self._errors: dict[str, tuple[str, Shape, Callable[[Any], bytes]]] = {}
        for name, event in stream_shape.members.items():
            if event.metadata.get("exception"):
                entry = (name, event, events.writer(event, None))
                self._errors[event.name] = self._errors[event.error_code] = entry
            else:
                self._writers[name] = _event_writer(name, event, events)

    @classmethod
    def for_rest(cls, shape: Shape, events: EventFormat) -> EventStreamWriter | None:
        """Return the writer of a REST output shape whose payload is an event stream, else None."""
        payload = shape.serialization.get("payload")
        if payload is None or not is_event_stream(shape.members[payload]):
            return None
        return cls(shape, payload, events, with_initial_response=False)

    @classmethod
    def for_rpc(cls, shape: Shape | None, events: EventFormat) -> EventStreamWriter | None:
        """Return the writer of an RPC output shape that has an event stream, else None."""
        member = None if shape is None else shape.event_stream_name
        if shape is None or member is None:
            return None
        return cls(shape, member, events, with_initial_response=True)

    def write_body(self, rest: dict[str, Any], response: HttpResponse) -> None:
        """Make the response stream the frames of the result's events."""
        events = rest.pop(self._member)
        # Content-Type is the stream's own; a modelled Content-Type header describes the events inside.
        response.headers = [item for item in response.headers if item[0].lower() != "content-type"]
        response.headers.append(("Content-Type", CONTENT_TYPE))
        response.body = self._frames(rest, events)

    async def _frames(
        self, rest: dict[str, Any], events: AsyncIterator[Mapping[str, Any]]
    ) -> AsyncIterator[bytes]:
        try:
            if self._initial is not None:
                headers: list[tuple[str, object]] = [
                    (":event-type", "initial-response"),
                    (":content-type", self._events.content_type),
                    (":message-type", "event"),
                ]
                yield encode_frame(headers, self._initial(rest))
            async for event in events:
                ((name, members),) = event.items()
                writer = self._writers.get(name)
                if writer is None:
                    raise UnmodelledMemberError(self._stream_name, name)
                yield writer(members)
        except ServiceError as error:
            yield self.error_frame(error)
        finally:
            # Closing this iterator (the client went away) must reach the operation at once.
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()

    def error_frame(self, error: ServiceError) -> bytes:
        """Return the frame that ends a stream with an error: by name if modelled, else by its code."""
        entry = self._errors.get(error.code)
        if entry is None:
            headers: list[tuple[str, object]] = [
                (":error-code", error.code),
                (":error-message", error.message),
                (":message-type", "error"),
            ]
            return encode_frame(headers, b"")
        name, shape, write = entry
        spelling = "Message" if "Message" in shape.members else "message"
        members: dict[str, object] = {spelling: error.message}
        members.update({key: item for key, item in error.fields.items() if key in shape.members})
        headers = [
            (":exception-type", name),
            (":content-type", self._events.content_type),
            (":message-type", "exception"),
        ]
        return encode_frame(headers, write(members))


def _event_writer(event_type: str, shape: Shape, events: EventFormat) -> FrameWriter:
    in_headers = [name for name, m in shape.members.items() if m.serialization.get("eventheader")]
    payload = next(
        (name for name, m in shape.members.items() if m.serialization.get("eventpayload")), None
    )
    write_payload, content_type = _payload_writer(shape, payload, in_headers, events)
    if not in_headers and payload is None:
        fixed = b"".join(
            _encode_header(name, value)
            for name, value in (
                (":event-type", event_type),
                (":content-type", content_type),
                (":message-type", "event"),
            )
        )
        return lambda members: _frame(fixed, write_payload(members))

    def write(members: Mapping[str, Any]) -> bytes:
        headers: list[tuple[str, object]] = [(":event-type", event_type)]
        body = write_payload(members)
        if body:
            headers.append((":content-type", content_type))
        headers.append((":message-type", "event"))
        headers.extend(
            (name, members[name]) for name in in_headers if members.get(name) is not None
        )
        return encode_frame(headers, body)

    return write


def _payload_writer(
    shape: Shape, payload: str | None, in_headers: list[str], events: EventFormat
) -> tuple[Callable[[Mapping[str, Any]], bytes], str]:
    if payload is None:
        names = [name for name in shape.members if name not in in_headers]
        if not names:
            # An event of headers alone still has a body in the protocol's form, such as {}.
            write_empty = events.writer(shape, names)
            return (lambda _members: write_empty({})), events.content_type
        return events.writer(shape, names), events.content_type
    member = shape.members[payload]
    if member.type_name == "blob":
        return (lambda members: members.get(payload) or b""), "application/octet-stream"
    if member.type_name == "string":
        return (lambda members: (members.get(payload) or "").encode()), "text/plain"
    write = events.writer(member, None)
    return (lambda members: write(members.get(payload) or {})), events.content_type
