"""Carries connections that a function makes to the endpoint, from its own network to the server."""

import asyncio
from contextlib import suppress

_PIECE_BYTES = 1 << 16
_MOST_CONNECTIONS = 64  # so that no function takes all descriptors of the server


class Relay:
    """Connections from one function's network to one port of the server.

    Args:
        host: where the server listens.
        port: the server's.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        if len(self._tasks) >= _MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._tasks.add(task)
        try:
            await self._carry(reader, writer)
        except OSError:
            pass  # the function sees a closed connection, as it would from any server
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    def close(self) -> None:
        """Hang up every connection."""
        for task in self._tasks:
            task.cancel()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(self._host, self._port)
        back = asyncio.create_task(_pump(there_reader, writer))
        try:
            await _pump(reader, there_writer)
            await back
        finally:
            back.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await back
            there_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE_BYTES):
        writer.write(piece)
        await writer.drain()
    with suppress(OSError, RuntimeError):
        if writer.can_write_eof():
            writer.write_eof()
