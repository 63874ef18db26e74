"""The doors of one function's network: the Runtime API, and the server's ports."""

import asyncio
import socket

from outcrop.functions.relay import Relay
from outcrop.functions.runtime_api import RuntimeConnection, RuntimeSide


class Doors:
    """Listening sockets that only one function reaches, and the connections that came through them.

    Args:
        side: what the Runtime API's requests mean.
    """

    def __init__(self, side: RuntimeSide) -> None:
        self._side = side
        self._servers: list[asyncio.Server] = []
        self._relays: list[Relay] = []
        self._connections: set[RuntimeConnection] = set()
        self._is_closed = False
        self._opening: asyncio.Task[None] | None = None

    async def serve_api(self, listening: socket.socket, prefix: str = "") -> None:
        """Answer the Runtime API on a socket.

        Args:
            listening: owned from now on.
            prefix: what every path begins with; see `RuntimeConnection`.
        """
        listening.setblocking(False)
        server = await asyncio.get_running_loop().create_server(
            lambda: RuntimeConnection(self._side, prefix, self._connections), sock=listening
        )
        self._keep(server)

    def open(self, doors: list[socket.socket], places: tuple[tuple[str, int], ...]) -> None:
        """Begin to answer on sockets that were made in the function's network.

        Args:
            doors: the Runtime API's first, then one for each place; owned from now on.
            places: address and port that a door leads to.
        """
        self._opening = asyncio.get_running_loop().create_task(self._open(doors, places))

    def close(self) -> None:
        """Hang up every connection and listen no more."""
        self._is_closed = True
        for server in self._servers:
            server.close()
        for relay in self._relays:
            relay.close()
        for connection in list(self._connections):
            connection.close()
        self._servers, self._relays = [], []

    async def _open(self, doors: list[socket.socket], places: tuple[tuple[str, int], ...]) -> None:
        await self.serve_api(doors[0])
        for door, (host, port) in zip(doors[1:], places, strict=True):
            door.setblocking(False)
            relay = Relay(host, port)
            self._relays.append(relay)
            self._keep(await asyncio.start_server(relay.carry, sock=door))

    def _keep(self, server: asyncio.Server) -> None:
        self._servers.append(server)
        if self._is_closed:
            self.close()
