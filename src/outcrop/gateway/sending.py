"""Responses as ASGI messages: whole, from a file, or piece by piece."""

import asyncio
import os
from collections.abc import AsyncIterator

from outcrop.aws.http import FileRange, HttpResponse
from outcrop.gateway.connection import Connection, Message, Send

_PIECE_BYTES = 256 * 1024
# Reading less than this from the page cache is quicker than handing it to a thread.
_READ_INLINE_BYTES = 64 * 1024
_BODILESS = frozenset({204, 304})


async def send_whole(
    response: HttpResponse, body: bytes, send: Send, connection: Connection, *, is_head: bool
) -> None:
    """Send a response whose body is in memory.

    Args:
        response: status and headers.
        body: the response's.
        send: ASGI's.
        connection: closed afterwards where it cannot serve another request.
        is_head: the request was HEAD: headers only.
    """
    await send(_start(response, connection, None if is_head else len(body)))
    await send({"type": "http.response.body", "body": body})


async def send_streamed(
    response: HttpResponse, send: Send, connection: Connection, *, is_head: bool
) -> None:
    """Send a response from a file or an iterator, which is closed however the sending ends.

    Args:
        response: its body is not bytes.
        send: ASGI's.
        connection: closed afterwards where it cannot serve another request.
        is_head: the request was HEAD: headers only.
    """
    body = response.body
    assert not isinstance(body, bytes)
    try:
        if is_head:
            await send(_start(response, connection, None))
            await send({"type": "http.response.body", "body": b""})
        elif isinstance(body, FileRange):
            await _send_file(body, _start(response, connection, body.length_bytes), send)
        else:
            await send(_start(response, connection, None))
            async for piece in body:
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
    finally:
        await _close(body)


def _start(response: HttpResponse, connection: Connection, length_bytes: int | None) -> Message:
    """Return the message that opens a response.

    Args:
        response: status and headers; a Content-Length among them wins.
        connection: told whether to stay open.
        length_bytes: of the body, where it is known.
    """
    headers = []
    for name, value in response.headers:
        if length_bytes is not None and name.lower() == "content-length":
            length_bytes = None
        headers.append((name.encode("latin-1"), _encoded(value)))
    if length_bytes is not None and response.status not in _BODILESS:
        headers.append((b"content-length", b"%d" % length_bytes))
    if connection.must_close:
        headers.append((b"connection", b"close"))
    return {"type": "http.response.start", "status": response.status, "headers": headers}


def _encoded(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


async def _send_file(part: FileRange, start: Message, send: Send) -> None:
    # Opened before the status is sent: a file that is gone must not look like an answer.
    descriptor = os.open(part.path, os.O_RDONLY)
    try:
        offset, remaining = part.offset_bytes, part.length_bytes
        if remaining <= _READ_INLINE_BYTES:
            piece = os.pread(descriptor, remaining, offset)
            await send(start)
            await send({"type": "http.response.body", "body": piece})
            return
        await send(start)
        loop = asyncio.get_running_loop()
        while remaining:
            piece = await loop.run_in_executor(
                None, os.pread, descriptor, min(_PIECE_BYTES, remaining), offset
            )
            if not piece:
                raise EOFError(f"{part.path} ended {remaining} bytes early")
            offset += len(piece)
            remaining -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": remaining > 0})
    finally:
        os.close(descriptor)


async def _close(body: AsyncIterator[bytes] | FileRange) -> None:
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()
