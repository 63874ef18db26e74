"""One client's connection: uvicorn's HTTP protocol, with an end to whatever a client could draw out for ever.

uvicorn bounds neither the head of a request nor the time a client takes for it, for its body or for reading its
answer. Here a look at all connections every second does; the path of a request pays for a few assignments.
"""

import asyncio
import itertools
import resource
from collections.abc import Iterable
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from outcrop.gateway.connection import Message, Receive, Send

log = structlog.get_logger("outcrop.gateway")

# S3 takes 8 KiB; session tokens with their policies and tags need more.
MOST_HEAD_BYTES = 64 << 10
MOST_HEADERS = 256
# What chunked framing and trailers may weigh beyond two bytes for each of the body's and 16 for each chunk, and
# beyond the head: as Go's net/http counts it, so that tiny chunks pass and endless extensions do not.
MOST_FRAMING_BYTES = 16 << 10
# From the first byte (or the connection, where none comes) to the end of the head.
HEAD_SECONDS = 30.0
# Without a byte of a body that is waited for; S3 gives up after about 20.
BODY_SECONDS = 60.0
# Without room for more of an answer; generous, since clients read downloads as they process them.
READING_SECONDS = 300.0
# AWS SDKs keep idle connections; a server that closes them first makes their next call fail.
KEEP_ALIVE_SECONDS = 75
MOST_CONNECTIONS = 4096
_RESERVED_FILES = 512
_numbers = itertools.count()
_HEAD_START = b"HTTP/1.1 "
_TOO_MUCH_FRAMING = b"The chunks' extensions or trailers are too long: at most 16 KiB."
_TOO_LARGE = b"The request's head is too large: at most 64 KiB and 256 headers."


class _JoiningTransport:
    """A transport that sends the head of an answer together with what follows at once: one packet, one call.

    uvicorn writes the two apart, and the event loop's transport sends each as it comes.
    """

    __slots__ = ("_held", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:  # whatever else a transport can
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
            self._transport.write(data)
        elif data.startswith(_HEAD_START):
            self._held = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            data, self._held = self._held, b""
            self._transport.write(data)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's, bounded, telling requests what their connection is encrypted with.

    Attributes:
        number: of the connection, in the order of their beginning.
        head_since: when the head that is being waited for began; None while there is none.
        heard_at: when the client last sent something.
        is_in_message: the request's last byte has not come yet.
        held_since: when the client stopped making room for its answer; None while it reads.
    """

    _tls: tuple[str, str] | None = None
    number = 0
    _head_bytes = 0
    # Bytes of the request so far, less what its head, its body and plain chunks may account for.
    _framing_bytes = 0
    _received = 0
    _most_connections = MOST_CONNECTIONS
    head_since: float | None = None
    heard_at = 0.0
    is_in_message = False
    held_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a first request."""
        super().connection_made(transport)
        self.transport = _JoiningTransport(transport, self.loop)  # type: ignore[assignment]
        self.head_since = self.heard_at = self.loop.time()
        self.number = next(_numbers)
        found = transport.get_extra_info("ssl_object")
        if found is not None:
            self._tls = (found.version() or "", (found.cipher() or ("",))[0])
        if len(self.connections) > _most_connections():
            _make_room(self.connections)

    def data_received(self, data: bytes) -> None:
        """Parse what came, up to the largest head."""
        self.heard_at = self.loop.time()
        self._received = len(data)
        self._framing_bytes += self._received
        super().data_received(data)
        if self.head_since is None:
            if self._framing_bytes > MOST_FRAMING_BYTES and self.is_in_message:
                self._end_framing()
        else:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(b"431 Request Header Fields Too Large", _TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.head_since, self._head_bytes, self.is_in_message = self.heard_at, 0, True
        self._framing_bytes = self._received - MOST_HEAD_BYTES
        if self._tls is not None:
            self.scope["tls"] = self._tls  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        """Start the request, or its refusal."""
        self.head_since = None
        size = len(self.url) + sum([len(name) + len(value) for name, value in self.headers])
        if size > MOST_HEAD_BYTES or len(self.headers) > MOST_HEADERS:
            usual, self.app = self.app, _refuse_head
            try:
                super().on_headers_complete()
            finally:
                self.app = usual
        else:
            super().on_headers_complete()
        if self.parser.should_upgrade():
            # The parser takes nothing more for HTTP, so nothing more may be sent here.
            self.cycle.keep_alive = False
        # Trailers come through the same callback as headers; they must not join those already checked.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Hand on a part of the body."""
        self._framing_bytes -= 3 * len(body)
        super().on_body(body)

    def on_chunk_header(self) -> None:
        """Allow for a chunk's size line."""
        self._framing_bytes -= 16

    def on_message_complete(self) -> None:
        """End a request."""
        super().on_message_complete()
        self.is_in_message = False
        # What else came with its last byte belongs to the next, which began in the middle of it.
        self._received = 0

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self.held_since = self.loop.time()

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self.held_since = None

    def look(self, now: float) -> None:
        """End what has taken too long.

        Args:
            now: by the event loop's clock.
        """
        if self.transport.is_closing():
            return
        if self.held_since is not None:
            if now - self.held_since > READING_SECONDS:
                self._drop("answer_not_read")
        elif self.head_since is not None:
            if now - self.head_since > HEAD_SECONDS and self._has_answered():
                self._drop("head_not_sent")
        elif self.is_in_message:
            if self.flow.read_paused:
                self.heard_at = now  # it is us who do not read
            elif now - self.heard_at > BODY_SECONDS:
                self._end_body(now)
        elif (
            now - self.heard_at > KEEP_ALIVE_SECONDS
            and self._has_answered()
            and self.timeout_keep_alive_task is None
        ):
            # uvicorn stops its timer when a body goes on after its answer.
            self._drop("idle")

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way: its head has not come, or the last one has been answered."""
        return not (self.is_in_message and self.head_since is None) and self._has_answered()

    def _has_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _end_body(self, now: float) -> None:
        if self._has_answered() or now - self.heard_at > 2 * BODY_SECONDS:
            self._drop("body_not_sent")
            return
        # Whoever waits for the body is woken and finds out why (`Connection`).
        self.cycle.scope["stalled"] = True  # type: ignore[typeddict-unknown-key]
        self.cycle.message_event.set()

    def _end_framing(self) -> None:
        if self.transport.is_closing():
            return
        if self.cycle.response_started:
            self._drop("endless_framing")
        else:
            self._refuse(b"400 Bad Request", _TOO_MUCH_FRAMING)

    def _drop(self, reason: str) -> None:
        log.debug("connection_dropped", reason=reason, client=self.client and self.client[0])
        self.transport.abort()

    def _refuse(self, status: bytes, text: bytes) -> None:
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (status, len(text), text)
        )
        self.transport.close()


def _most_connections() -> int:
    """Return how many connections a listener keeps, so that files can still be opened."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(64, min(MOST_CONNECTIONS, (soft - _RESERVED_FILES) // 2))


def look_at_all(connections: Iterable[asyncio.Protocol], now: float) -> None:
    """End what has taken too long on any connection.

    Args:
        connections: of a server.
        now: by the event loop's clock.
    """
    for connection in list(connections):
        if isinstance(connection, HttpProtocol):
            connection.look(now)


def _make_room(connections: Iterable[asyncio.Protocol]) -> None:
    """Drop the connections that have waited longest without a whole request, so that those who ask are served."""
    waiting = [
        connection
        for connection in connections
        if isinstance(connection, HttpProtocol) and connection.is_idle
    ]
    # The loop's clock stands still while it accepts, so numbers tell those of one moment apart.
    waiting.sort(
        key=lambda connection: (connection.head_since or connection.heard_at, connection.number)
    )
    # Many at once, so that a flood does not make every connection look at all others.
    dropped = waiting[: len(waiting) // 10 + 1]
    for connection in dropped:
        connection.transport.abort()
    log.warning("too_many_connections", dropped=len(dropped))


async def _refuse_head(_scope: Message, _receive: Receive, send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", b"%d" % len(_TOO_LARGE)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": _TOO_LARGE})
