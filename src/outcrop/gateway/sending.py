"""Responses as ASGI messages: whole, from a file, or piece by piece."""

import asyncio
import os
from collections.abc import AsyncIterator

from outcrop.aws.http import FileRange, HttpResponse
from outcrop.gateway.connection import Send

_PIECE_BYTES = 256 * 1024
# Reading less than this from the page cache is quicker than handing it to a thread.
_READ_INLINE_BYTES = 64 * 1024
_BODILESS = frozenset({204, 304})


async def send_response(
    response: HttpResponse, send: Send, *, is_head: bool, must_close: bool
) -> None:
    """Send a response; a streamed body is closed however the sending ends.

    Args:
        response: what the chain answered.
        send: ASGI's.
        is_head: the request was HEAD: headers only.
        must_close: the connection cannot serve another request.
    """
    body = response.body
    headers = [
        (name.lower().encode("latin-1"), _encoded(value)) for name, value in response.headers
    ]
    has_length = any(name == b"content-length" for name, _ in headers)
    if not has_length and not is_head and response.status not in _BODILESS:
        if isinstance(body, bytes):
            headers.append((b"content-length", b"%d" % len(body)))
        elif isinstance(body, FileRange):
            headers.append((b"content-length", b"%d" % body.length_bytes))
    if must_close:
        headers.append((b"connection", b"close"))
    start = {"type": "http.response.start", "status": response.status, "headers": headers}
    if isinstance(body, bytes):
        await send(start)
        await send({"type": "http.response.body", "body": body})
    elif is_head:
        await send(start)
        await send({"type": "http.response.body", "body": b""})
        await _close(body)
    elif isinstance(body, FileRange):
        await _send_file(body, start, send)
    else:
        await _send_pieces(body, start, send)


def _encoded(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


async def _send_file(part: FileRange, start: dict[str, object], send: Send) -> None:
    # Opened before the status is sent, so that a missing file is still an error response.
    descriptor = os.open(part.path, os.O_RDONLY)
    try:
        await send(start)
        loop = asyncio.get_running_loop()
        offset, remaining = part.offset_bytes, part.length_bytes
        if remaining <= _READ_INLINE_BYTES:
            piece = os.pread(descriptor, remaining, offset)
            await send({"type": "http.response.body", "body": piece})
            return
        while remaining:
            piece = await loop.run_in_executor(
                None, os.pread, descriptor, min(_PIECE_BYTES, remaining), offset
            )
            if not piece:
                raise EOFError(f"{part.path} ended {remaining} bytes early")
            offset += len(piece)
            remaining -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": remaining > 0})
        if part.length_bytes == 0:
            await send({"type": "http.response.body", "body": b""})
    finally:
        os.close(descriptor)


async def _send_pieces(pieces: AsyncIterator[bytes], start: dict[str, object], send: Send) -> None:
    try:
        await send(start)
        async for piece in pieces:
            if piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        await _close(pieces)


async def _close(body: object) -> None:
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()
