"""The Lambda Runtime API, as far as a runtime client speaks it: HTTP/1.1 on connections that one process holds.

Source: "Using the Lambda runtime API for custom runtimes" in AWS's documentation, version 2018-06-01.
"""

import asyncio
import re
import socket
from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol, cast

import httptools

MAX_ANSWER_BYTES = 6_291_556  # Lambda quotas: 6 MB, and room for the envelope
_MOST_CONNECTIONS = 32  # so that no function takes all descriptors of the server
_NEXT = re.compile(rb"/2018-06-01/runtime/invocation/next")
_INVOCATION = re.compile(rb"/2018-06-01/runtime/invocation/([0-9A-Za-z-]{1,64})/(response|error)")
_INIT_ERROR = re.compile(rb"/2018-06-01/runtime/init/error")
_ERROR_TYPE = b"lambda-runtime-function-error-type"


class RuntimeSide(Protocol):
    """What the API's requests mean to the process's keeper."""

    def asked_for_next(self, connection: "RuntimeConnection") -> bool:
        """Take note that the handler is ready; return whether it may ask now."""

    def answered(self, request_id: str, body: bytes, *, is_error: bool, is_too_large: bool) -> bool:
        """Take the end of an invocation; return whether it is the one that runs."""

    def init_failed(self, body: bytes) -> bool:
        """Take an error of the handler's module; return whether one can be now."""


class RuntimeConnection(asyncio.Protocol):
    """One connection to the Runtime API.

    Args:
        side: who is behind it.
        prefix: what paths begin with, where others could reach the port; empty otherwise.
        open_connections: those of the same process; this one is among them while it is open.
    """

    def __init__(
        self,
        side: RuntimeSide,
        prefix: str = "",
        open_connections: "set[RuntimeConnection] | None" = None,
    ) -> None:
        self._side = side
        self._open = set() if open_connections is None else open_connections
        self._prefix = prefix.encode()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def _begin(self) -> None:
        self._path = b""
        self._body = bytearray()
        self._is_too_large = False
        self._error_type = b""
        self._expects_continue = False

    def send_next(self, headers: Mapping[str, str], payload: bytes) -> bool:
        """Answer the wait for an invocation; return whether the connection still stands."""
        if self._transport is None or self._transport.is_closing():
            return False
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = (
            f"HTTP/1.1 200 OK\r\n{lines}Content-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\n\r\n"
        )
        self._transport.write(head.encode() + payload)
        return True

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer; without TCP_NODELAY each answer would wait 40 ms for an acknowledgement."""
        # uvloop's transports have its methods and are none of its subclasses.
        self._transport = cast("asyncio.Transport", transport)
        self._open.add(self)
        if len(self._open) > _MOST_CONNECTIONS:
            self.close()
            return
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the process's end says why
        """Forget where to answer."""
        self._transport = None
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        """Read what came; what is no HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_url(self, url: bytes) -> None:
        """Parser's callback."""
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser's callback."""
        lowered = name.lower()
        if lowered == b"expect":
            self._expects_continue = value.lower() == b"100-continue"
        elif lowered == _ERROR_TYPE:
            self._error_type = value

    def on_headers_complete(self) -> None:
        """Parser's callback."""
        if self._expects_continue and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Parser's callback; what is beyond the limit is not kept."""
        if len(self._body) + len(body) > MAX_ANSWER_BYTES:
            self._is_too_large = True
            self._body.clear()
        elif not self._is_too_large:
            self._body += body

    def on_message_complete(self) -> None:
        """Parser's callback."""
        path, body = self._path, bytes(self._body)
        is_too_large = self._is_too_large
        method = self._parser.get_method()
        self._begin()
        if not path.startswith(self._prefix):
            self._reply(HTTPStatus.FORBIDDEN)
            return
        path = path[len(self._prefix) :]
        if method == b"GET" and _NEXT.fullmatch(path):
            if not self._side.asked_for_next(self):
                self._reply(HTTPStatus.FORBIDDEN)
        elif method == b"POST" and (match := _INVOCATION.fullmatch(path)):
            known = self._side.answered(
                match[1].decode(),
                body,
                is_error=match[2] == b"error",
                is_too_large=is_too_large,
            )
            self._reply(HTTPStatus.ACCEPTED if known else HTTPStatus.BAD_REQUEST)
        elif method == b"POST" and _INIT_ERROR.fullmatch(path):
            known = self._side.init_failed(body)
            self._reply(HTTPStatus.ACCEPTED if known else HTTPStatus.FORBIDDEN)
        else:
            self._reply(HTTPStatus.NOT_FOUND)

    def _reply(self, status: HTTPStatus) -> None:
        if status is HTTPStatus.ACCEPTED:
            body = b'{"status":"OK"}'
        else:
            word = status.phrase.replace(" ", "")
            body = f'{{"errorMessage":"{status.phrase}","errorType":"{word}"}}'.encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        if self._transport is not None:
            self._transport.write(head.encode() + body)
