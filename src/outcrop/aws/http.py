"""HTTP messages as the wire layer sees them, independent of the web server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


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
    """

    method: str
    raw_path: str
    query_string: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: ByteStream | None = None
    scheme: str = "http"
    client_ip: str = "127.0.0.1"


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
