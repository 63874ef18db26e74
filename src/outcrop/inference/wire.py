"""Messages between the server and an engine process: length-prefixed JSON over a Unix socket.

A frame is a 4-byte big-endian length and that many bytes of a UTF-8 JSON object. Both sides multiplex by `id`:

request   {"id", "op": "generate" | "cancel" | "count_tokens" | "score" | "load_adapter" | "statistics", …}
answer    {"id", "event": "text" | "finished" | "result", …} or {"id", "error": kind, "message"}
"""

import asyncio
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any, cast

MAX_FRAME_BYTES = 64 << 20
_LENGTH = struct.Struct(">I")

Message = dict[str, Any]  # Any: JSON values; each side reads the fields it knows


def encode_frame(message: Message) -> bytes:
    """Return a message as one frame."""
    payload = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    return _LENGTH.pack(len(payload)) + payload


class FrameReader:
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that are complete with this piece.

        Raises:
            ValueError: a frame is longer than MAX_FRAME_BYTES or not a JSON object.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (size_bytes,) = _LENGTH.unpack_from(buffer, start)
            if size_bytes > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {size_bytes} bytes is longer than {MAX_FRAME_BYTES}")
            end = start + _LENGTH.size + size_bytes
            if len(buffer) < end:
                break
            message = json.loads(
                buffer[start + _LENGTH.size : end].decode("utf-8", "surrogatepass")
            )
            if not isinstance(message, dict):
                raise ValueError("a frame must hold a JSON object")  # noqa: TRY004  # as the docstring says
            start = end
            yield message
        del buffer[:start]


class FrameProtocol(asyncio.Protocol):
    """One connection's end.

    Args:
        on_message: called with each message and this protocol.
        on_closed: called once when the connection is gone.
    """

    def __init__(
        self,
        on_message: "Callable[[Message, FrameProtocol], None]",
        on_closed: "Callable[[FrameProtocol], None]",
    ) -> None:
        self._on_message = on_message
        self._on_closed = on_closed
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for sending."""
        # Sockets have writing transports; uvloop's are not of asyncio's class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand on what has become complete; a peer that breaks the framing is cut off."""
        try:
            for message in self._reader.feed(data):
                self._on_message(message, self)
        except ValueError:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Tell the owner."""
        self._transport = None
        self._on_closed(self)

    def send(self, frame: bytes) -> None:
        """Write an encoded frame; dropped when the connection is gone, which on_closed has told."""
        if self._transport is not None:
            self._transport.write(frame)

    def close(self) -> None:
        """Close after what was written has gone out."""
        if self._transport is not None:
            self._transport.close()
