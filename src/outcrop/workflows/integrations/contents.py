"""Streamed bodies of results, read to their end: what a state works on is held whole anyway."""

import asyncio
from typing import Any

from outcrop.aws.http import FileRange


async def read_whole(body: Any) -> bytes:  # bytes, FileRange or async iterator of bytes
    """Return all of a body as an operation returned it."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    if isinstance(body, FileRange):
        return await asyncio.to_thread(_read_file, body)
    return b"".join([piece async for piece in body])


def _read_file(part: FileRange) -> bytes:
    with part.path.open("rb") as file:
        file.seek(part.offset_bytes)
        return file.read(part.length_bytes)
