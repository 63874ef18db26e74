"""HTTP messages as the wire layer sees them, independent of the web server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl


class ByteStream(Protocol):
    """A request body read piece by piece; decoded and verified before it gets here."""

    @property
    def size_bytes(self) -> int | None:
        """Length of the decoded body where the client said it, else None."""

    @property
    def trailers(self) -> dict[str, str]:
        """Lower-case trailing headers; complete only once iteration has ended."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body in order; raises ServiceError when a chunk does not verify."""


@dataclass(slots=True)
class HttpRequest:
    """One request as received.

    Attributes:
        raw_path: percent-encoded path exactly as sent, without the query.
        query_string: raw query without the question mark.
        headers: lower-case names; repeated headers are joined with ", ".
        body: the whole body, or b"" when `stream` is set.
        stream: set instead of `body` where the operation takes a streaming blob.
        tls: protocol version and cipher suite, such as ("TLSv1.3", "TLS_AES_256_GCM_SHA384"), where they are known.
    """

    method: str
    raw_path: str
    query_string: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: ByteStream | None = None
    scheme: str = "http"
    client_ip: str = "127.0.0.1"
    tls: tuple[str, str] | None = None
    _query: dict[str, list[str]] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def query(self) -> dict[str, list[str]]:
        """Decoded query parameters, values in order; parsed at the first use."""
        if self._query is None:
            query: dict[str, list[str]] = {}
            if self.query_string:
                for name, value in parse_qsl(self.query_string, keep_blank_values=True):
                    query.setdefault(name, []).append(value)
            self._query = query
        return self._query


class BufferedStream:
    """A ByteStream over bytes that are already in memory."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size_bytes(self) -> int | None:
        """Length of the content."""
        return len(self._content)

    @property
    def trailers(self) -> dict[str, str]:
        """Nothing: only chunked uploads have trailers."""
        return {}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the content as one piece."""
        if self._content:
            yield self._content


@dataclass(frozen=True, slots=True)
class FileRange:
    """A part of a file that a response body consists of; the server streams it."""

    path: Path
    offset_bytes: int
    length_bytes: int


@dataclass(slots=True)
class HttpResponse:
    """One response; a streamed body is never held whole."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | AsyncIterator[bytes] | FileRange = b""
