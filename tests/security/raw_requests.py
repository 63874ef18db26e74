"""Requests as bytes on a socket, signed with botocore's own signers: what no client library would send."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.running_server import RunningServer

REGION = "us-east-1"
SECONDS = 30.0


@dataclass(frozen=True)
class Request:
    """A request before or after signing; nothing of it is checked.

    Attributes:
        target: path and query as they stand in the request line.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def with_headers(self, **headers: str | None) -> Request:
        """Return it with headers set, or left out where None; underscores stand for hyphens."""
        changes = {name.replace("_", "-"): value for name, value in headers.items()}
        lowered = {name.lower(): value for name, value in self.headers.items()}
        merged = {**lowered, **changes}
        return replace(self, headers={n: v for n, v in merged.items() if v is not None})

    def encode(self) -> bytes:
        """Return the bytes on the wire; the length of the body is added where no header says it."""
        names = {name.lower() for name in self.headers}
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if not names & {"content-length", "transfer-encoding"}:
            lines.append(f"content-length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + self.body


@dataclass(frozen=True)
class Answer:
    """What came back; a status of 0 means that the connection was closed without a word."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def code(self) -> str:
        """The error's code in any of AWS's protocols, or ""."""
        shown = self.headers.get("x-amzn-errortype", "")
        found = re.search(rb'<Code>([^<]*)</Code>|"__type": ?"([^"]*)"', self.body)
        return shown or (next(filter(None, found.groups())).decode() if found else "")

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code."""
        return self.status, self.code


@dataclass(frozen=True)
class Key:
    """Credentials."""

    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, answered: Mapping[str, str]) -> Key:
        """Return what CreateAccessKey or an STS operation answered."""
        return cls(
            answered["AccessKeyId"], answered["SecretAccessKey"], answered.get("SessionToken")
        )


class Wire:
    """Sends requests to a server and reads what it answers.

    Args:
        server: a running one; requests are signed with its root key where no other is given.
    """

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.port = int(server.description["port"])
        self.host = f"127.0.0.1:{self.port}"
        root = server.root_key
        self.root = Key(root["access_key_id"], root["secret_access_key"])

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def signed(
        self,
        request: Request,
        service: str = "s3",
        *,
        key: Key | None = None,
        region: str = REGION,
        when: datetime | None = None,
    ) -> Request:
        """Return a request with a SigV4 header as botocore makes it."""
        prepared = self._prepared(request)
        signer = S3SigV4Auth if service == "s3" else SigV4Auth
        with _at(when):
            signer(_credentials(key or self.root), service, region).add_auth(prepared)
        return replace(request, headers=dict(prepared.headers.items()))

    def presigned(
        self,
        request: Request,
        *,
        key: Key | None = None,
        seconds: int = 60,
        when: datetime | None = None,
    ) -> Request:
        """Return a request with a SigV4 signature in its query, as botocore presigns for S3."""
        prepared = self._prepared(request)
        signer = S3SigV4QueryAuth(_credentials(key or self.root), "s3", REGION, expires=seconds)
        with _at(when):
            signer.add_auth(prepared)
        parts = urlsplit(str(prepared.url))
        target = f"{parts.path}?{parts.query}"
        return replace(request, target=target, headers={"host": self.host, **request.headers})

    def _prepared(self, request: Request) -> AWSRequest:
        headers = {"host": self.host, **request.headers}
        address = f"http://{self.host}{request.target}"
        return AWSRequest(request.method, address, headers, request.body)

    def send(self, request: Request | bytes, *, patience: float = SECONDS) -> Answer:
        """Send a request on a connection of its own and return the first answer.

        Args:
            request: with or without a signature.
            patience: how long to wait for an answer before the sending side is closed.
        """
        content = request if isinstance(request, bytes) else request.encode()
        with self.connect() as connection:
            with contextlib.suppress(OSError):  # refused while being sent
                connection.sendall(content)
            connection.settimeout(patience)
            is_head = content.startswith(b"HEAD ")
            try:
                return read_answer(connection, is_head=is_head)
            except TimeoutError:
                connection.settimeout(SECONDS)
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
                return read_answer(connection, is_head=is_head)

    def call(self, request: Request, service: str = "s3", *, key: Key | None = None) -> Answer:
        """Sign and send."""
        return self.send(self.signed(request, service, key=key))

    def is_serving(self) -> bool:
        """Whether the server answers others."""
        return self.send(Request("GET", "/_outcrop/health", {"host": self.host})).status == 200


def _credentials(key: Key) -> Credentials:
    return Credentials(key.key_id, key.secret, key.token)


@contextlib.contextmanager
def _at(when: datetime | None) -> Iterator[None]:
    if when is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda: when.astimezone(UTC))
        yield


def read_answer(connection: socket.socket, *, is_head: bool = False) -> Answer:
    """Read one response; a connection that is closed before its head ends gives status 0."""
    received = b""
    try:
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65536)
            if not piece:
                return Answer(0, body=received)
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        length = int(headers.get("content-length", "-1"))
        while not is_head and (len(body) < length or (length < 0 and status >= 200)):
            if headers.get("transfer-encoding") == "chunked" and body.endswith(b"0\r\n\r\n"):
                break
            if length < 0 and "transfer-encoding" not in headers:
                break
            piece = connection.recv(65536)
            if not piece:
                break
            body += piece
    except ConnectionError:
        return Answer(0, body=received)
    return Answer(status, headers, body)
