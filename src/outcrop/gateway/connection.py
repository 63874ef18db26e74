"""The client's side of a call: its body as it arrives, and whether it is still there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any

from outcrop.aws.errors import ServiceError

Message = MutableMapping[str, Any]  # ASGI's own type for messages
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# A call that ends sooner is not worth watching for a client that leaves.
_WATCHED_AFTER_SECONDS = 0.05
_BODY_PENDING_SECONDS = 0.25


class ClientDisconnected(Exception):  # reads as the sentence it is
    """The client went away before its call ended; there is nobody left to answer."""


class RequestTooLarge(ServiceError):  # AWS's name
    """A request body that is read whole exceeds what the server holds in memory."""

    code = "RequestEntityTooLargeException"
    status = 413


class RequestTimeout(ServiceError):  # AWS's name
    """The client began to send a body and stopped."""

    code = "RequestTimeout"
    status = 400


class Connection:
    """One request's channel to its client.

    Args:
        receive: ASGI's.
        headers: of the request, lower-case names.
        scope: ASGI's; `stalled` in it says that the client has stopped sending.
    """

    __slots__ = (
        "_expects_continue",
        "_has_read",
        "_receive",
        "_scope",
        "body_ended",
        "disconnected",
        "size_bytes",
    )

    def __init__(
        self, receive: Receive, headers: Mapping[str, str], scope: Mapping[str, Any] | None = None
    ) -> None:
        self._receive = receive
        self._scope = scope or {}
        length = headers.get("content-length", "")
        self.size_bytes = int(length) if length.isascii() and length.isdigit() else None
        self.body_ended = not self.size_bytes and "transfer-encoding" not in headers
        self._expects_continue = "expect" in headers
        self._has_read = False
        self.disconnected = False

    @property
    def must_close(self) -> bool:
        """Whether the connection cannot be used again: the client waits for leave to send its body, or has stopped."""
        if "stalled" in self._scope:
            return True
        return self._expects_continue and not self._has_read and not self.body_ended

    async def read_all(self, most_bytes: int) -> bytes:
        """Return the whole body.

        Raises:
            RequestTooLarge: it has more than `most_bytes`; found out before reading where the length is known.
            RequestTimeout: the client has stopped sending it.
            ClientDisconnected: it broke off.
        """
        if self.body_ended:
            return b""
        if self.size_bytes is not None and self.size_bytes > most_bytes:
            raise _too_large(most_bytes)
        first = await self._next_piece()
        if self.body_ended:
            return first
        gathered = bytearray(first)
        while not self.body_ended:
            gathered += await self._next_piece()
            if len(gathered) > most_bytes:
                raise _too_large(most_bytes)
        return bytes(gathered)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; raises ClientDisconnected when it breaks off."""
        while not self.body_ended:
            piece = await self._next_piece()
            if piece:
                yield piece

    async def _next_piece(self) -> bytes:
        self._has_read = True
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.disconnected = True
            raise ClientDisconnected
        self.body_ended = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        if not piece and not self.body_ended and "stalled" in self._scope:
            raise RequestTimeout(
                "Your socket connection to the server was not read from or written to within the timeout "
                "period. Idle connections will be closed."
            )
        return piece

    async def wait_for_disconnect(self) -> None:
        """Return once the client has gone; only after the body has ended."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.disconnected = True


def _too_large(most_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(
        f"The request body exceeds {most_bytes:,} bytes, the most this operation takes. "
        "Larger data goes through Amazon S3 uploads."
    )


class CancelledWhenClientLeaves:
    """Cancels the task that entered it as soon as the client disconnects.

    The watch starts late, so that short calls, nearly all, pay for a timer only.
    """

    __slots__ = ("_connection", "_loop", "_task", "_timer", "_watch")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._watch: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._timer = self._loop.call_later(_WATCHED_AFTER_SECONDS, self._start)

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def _start(self) -> None:
        if self._connection.body_ended:
            self._watch = self._loop.create_task(self._cancel_on_disconnect())
        else:
            # While the body is being read, reading it is what notices a disconnect.
            self._timer = self._loop.call_later(_BODY_PENDING_SECONDS, self._start)

    async def _cancel_on_disconnect(self) -> None:
        await self._connection.wait_for_disconnect()
        if self._task is not None:
            self._task.cancel()
