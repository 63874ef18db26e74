"""The `aws-chunked` bodies of S3 uploads, decoded and verified on the fly.

Three forms, named by x-amz-content-sha256: chunks each signed with the one before (seeded by the request's own
signature), the same with a signed trailer of checksums, and unsigned chunks with a trailer.

Source: Amazon S3 API Reference, "Signature calculations for the Authorization header: Transferring payload in
multiple chunks", and "… including trailing headers".
"""

import re
from collections.abc import AsyncIterator
from hashlib import sha256
from hmac import compare_digest

from outcrop.aws.errors import ServiceError
from outcrop.aws.signatures.refusals import Reason, SignatureRefused, as_service_error
from outcrop.aws.signatures.sigv4 import EMPTY_SHA256, Claim, SigningKey

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
FORMS = frozenset({SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER})

_CHUNK_HEADER = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?\s*\Z")
_LONGEST_LINE_BYTES = 8192
_MOST_TRAILERS = 32


class IncompleteBody(ServiceError):  # AWS's name
    """The body ended early or is not as long as announced."""

    code = "IncompleteBody"
    status = 400


class MalformedTrailer(ServiceError):  # AWS's name
    """The trailing headers are malformed or not those announced."""

    code = "MalformedTrailerError"
    status = 400


class ChunkSigner:
    """Verifies a chain of chunk signatures.

    Args:
        signing_key: of the request's credential scope.
        claim: the request's own signature, which seeds the chain.
    """

    def __init__(self, signing_key: SigningKey, claim: Claim) -> None:
        self._key = signing_key
        self._prefix = f"{claim.timestamp}\n{claim.scope}"
        self._previous = claim.signature

    def check_chunk(self, signature: str, chunk_sha256: str) -> None:
        """Refuse the chunk with this hex digest unless `signature` continues the chain."""
        self._check(signature, "AWS4-HMAC-SHA256-PAYLOAD", f"{EMPTY_SHA256}\n{chunk_sha256}")

    def check_trailers(self, signature: str, trailers: dict[str, str]) -> None:
        """Refuse the trailing headers unless `signature` ends the chain."""
        canonical = "".join(f"{name}:{trailers[name]}\n" for name in sorted(trailers))
        digest = sha256(canonical.encode("latin-1")).hexdigest()
        self._check(signature, "AWS4-HMAC-SHA256-TRAILER", digest)

    def _check(self, signature: str, algorithm: str, rest: str) -> None:
        text = f"{algorithm}\n{self._prefix}\n{self._previous}\n{rest}".encode()
        expected = self._key.sign(text)
        if not compare_digest(expected.encode(), signature.encode()):
            raise as_service_error(SignatureRefused(Reason.MISMATCH), "rest-xml")
        self._previous = expected


class ChunkedBody:
    """A decoded `aws-chunked` body.

    Args:
        pieces: the raw body.
        size_bytes: decoded length, from x-amz-decoded-content-length.
        signer: verifies signed chunks; None for the unsigned form.
        announced_trailers: lower-case names from x-amz-trailer.
        has_trailer: whether the form ends with trailing headers.
    """

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        size_bytes: int,
        signer: ChunkSigner | None,
        announced_trailers: frozenset[str],
        *,
        has_trailer: bool,
    ) -> None:
        self._reader = _PieceReader(pieces)
        self._size_bytes = size_bytes
        self._signer = signer
        self._announced = announced_trailers
        self._has_trailer = has_trailer
        self._trailers: dict[str, str] = {}

    @property
    def size_bytes(self) -> int:
        """Length of the decoded body as announced; a different one is refused."""
        return self._size_bytes

    @property
    def trailers(self) -> dict[str, str]:
        """Lower-case trailing headers, verified; complete once iteration has ended."""
        return self._trailers

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the decoded body; raises ServiceError at the end of a chunk that does not verify."""
        return self._decode()

    async def _decode(self) -> AsyncIterator[bytes]:
        total = 0
        while True:
            size, signature = await self._chunk_header()
            if size == 0:
                break
            total += size
            if total > self._size_bytes:
                raise _incomplete()
            hasher = sha256() if self._signer else None
            remaining = size
            while remaining:
                piece = await self._reader.take(remaining)
                remaining -= len(piece)
                if hasher is not None:
                    hasher.update(piece)
                yield piece
            if await self._reader.line() != b"":
                raise _incomplete()
            if hasher is not None and self._signer is not None:
                self._signer.check_chunk(signature, hasher.hexdigest())
        if self._signer is not None:
            self._signer.check_chunk(signature, EMPTY_SHA256)
        await self._read_trailers()
        if total != self._size_bytes:
            raise _incomplete()

    async def _chunk_header(self) -> tuple[int, str]:
        match = _CHUNK_HEADER.match(await self._reader.line())
        if match is None or (self._signer is not None and match[2] is None):
            raise IncompleteBody("A chunk of the body has no valid header.")
        return int(match[1], 16), (match[2] or b"").decode()

    async def _read_trailers(self) -> None:
        trailers: dict[str, str] = {}
        while line := await self._reader.line():
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or len(trailers) >= _MOST_TRAILERS:
                raise _malformed_trailer()
            trailers[name.strip().lower()] = value.strip()
        signature = trailers.pop("x-amz-trailer-signature", "")
        if trailers.keys() != self._announced or (trailers and not self._has_trailer):
            raise _malformed_trailer()
        if self._has_trailer and self._signer is not None:
            self._signer.check_trailers(signature, trailers)
        self._trailers.update(trailers)


class _PieceReader:
    """Reads lines and exact stretches out of pieces of any size, copying as little as possible."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self._offset = 0

    async def take(self, most_bytes: int) -> bytes:
        """Return the next 1 to `most_bytes` bytes."""
        if self._offset >= len(self._piece):
            await self._advance()
        start = self._offset
        self._offset = min(start + most_bytes, len(self._piece))
        return self._piece[start : self._offset]

    async def line(self) -> bytes:
        """Return the next line without its end."""
        end = self._piece.find(b"\n", self._offset)
        if end >= 0:
            line = self._piece[self._offset : end]
            self._offset = end + 1
            return line.removesuffix(b"\r")
        gathered = self._piece[self._offset :]
        while b"\n" not in gathered:
            if len(gathered) > _LONGEST_LINE_BYTES:
                raise IncompleteBody("A chunk of the body has no valid header.")
            await self._advance()
            gathered += self._piece
        line, _, rest = gathered.partition(b"\n")
        self._offset = len(self._piece) - len(rest)
        return line.removesuffix(b"\r")

    async def _advance(self) -> None:
        async for piece in self._pieces:
            if piece:
                self._piece = piece
                self._offset = 0
                return
        raise _incomplete()


def _incomplete() -> IncompleteBody:
    return IncompleteBody(
        "The request body did not contain the number of bytes specified by x-amz-decoded-content-length."
    )


def _malformed_trailer() -> MalformedTrailer:
    return MalformedTrailer(
        "The request contained trailing data that was not well-formed or did not conform to what "
        "x-amz-trailer announced."
    )
