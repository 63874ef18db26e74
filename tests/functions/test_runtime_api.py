import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from outcrop.functions.runtime_api import RuntimeConnection

NEXT = "/2018-06-01/runtime/invocation/next"


@dataclass
class Side:
    """Writes down what it is told."""

    told: list[object] = field(default_factory=list)
    agrees: bool = True

    def asked_for_next(self, connection: RuntimeConnection) -> bool:
        self.told.append(connection)
        return self.agrees

    def answered(self, request_id: str, body: bytes, *, is_error: bool, is_too_large: bool) -> bool:
        self.told.append((request_id, len(body), is_error, is_too_large))
        return self.agrees

    def init_failed(self, body: bytes) -> bool:
        self.told.append(body)
        return self.agrees


@dataclass
class Api:
    """A Runtime API on loopback, and one connection to it."""

    side: Side
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, method: str, path: str, body: bytes = b"", *headers: str) -> int:
        """Send a request and return the answer's status."""
        lines = "".join(f"{line}\r\n" for line in headers)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: api\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        status, _ = await self.read()
        return status

    async def read(self) -> tuple[int, bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split()[1])
        length = [line for line in head.splitlines() if line.lower().startswith("content-length:")]
        size = int(length[0].split(":")[1]) if length else 0
        return status, await self.reader.readexactly(size)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    side = Side()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: RuntimeConnection(side), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield Api(side, reader, writer)
    writer.close()
    server.close()


async def test_an_event_is_the_answer_to_the_wait_for_it(api: Api) -> None:
    api.writer.write(f"GET {NEXT} HTTP/1.1\r\nHost: api\r\n\r\n".encode())
    async with asyncio.timeout(60):
        while not api.side.told:  # noqa: ASYNC110  # the side sets no event
            await asyncio.sleep(0.001)
    connection = api.side.told[0]
    assert isinstance(connection, RuntimeConnection)
    assert connection.send_next({"Lambda-Runtime-Aws-Request-Id": "1"}, b'{"a": 1}')
    status, body = await api.read()
    assert status == 200
    assert json.loads(body) == {"a": 1}


async def test_answers_and_errors_are_told_apart(api: Api) -> None:
    base = "/2018-06-01/runtime/invocation/abc-1"
    assert await api.ask("POST", f"{base}/response", b"12345") == 202
    assert await api.ask("POST", f"{base}/error", b"1") == 202
    assert await api.ask("POST", "/2018-06-01/runtime/init/error", b"{}") == 202
    assert api.side.told == [("abc-1", 5, False, False), ("abc-1", 1, True, False), b"{}"]


async def test_what_comes_at_the_wrong_time_is_refused(api: Api) -> None:
    api.side.agrees = False
    assert await api.ask("GET", NEXT) == 403
    assert await api.ask("POST", "/2018-06-01/runtime/invocation/abc/response", b"1") == 400
    assert await api.ask("POST", "/2018-06-01/runtime/init/error", b"1") == 403


async def test_other_paths_are_not_found(api: Api) -> None:
    for path in (
        "/",
        "/2018-06-01/runtime/invocation/../x/response",
        "/2020-01-01/extension/register",
    ):
        assert await api.ask("POST", path, b"1") == 404
    assert api.side.told == []


async def test_a_body_beyond_the_limit_is_not_kept(api: Api) -> None:
    path = "/2018-06-01/runtime/invocation/abc/response"
    assert await api.ask("POST", path, b"x" * 6_291_557) == 202
    assert api.side.told == [("abc", 0, False, True)]


async def test_a_client_that_waits_to_send_is_told_to_go_on(api: Api) -> None:
    path = "/2018-06-01/runtime/invocation/abc/response"
    head = f"POST {path} HTTP/1.1\r\nHost: api\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    api.writer.write(head.encode())
    assert (await api.read())[0] == 100
    api.writer.write(b"1")
    assert (await api.read())[0] == 202


async def test_what_is_no_http_ends_the_connection(api: Api) -> None:
    api.writer.write(b"\x00\x01\x02 nonsense\r\n\r\n")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)) as ended:
        await api.reader.readuntil(b"\r\n\r\n")
    assert ended


async def test_without_its_secret_prefix_nothing_is_answered() -> None:
    side = Side()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: RuntimeConnection(side, "/secret"), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    api = Api(side, reader, writer)
    assert await api.ask("GET", NEXT) == 403
    assert await api.ask("POST", "/2018-06-01/runtime/invocation/abc/response", b"1") == 403
    assert side.told == []
    assert await api.ask("POST", "/secret/2018-06-01/runtime/init/error", b"{}") == 202
    writer.close()
    server.close()
