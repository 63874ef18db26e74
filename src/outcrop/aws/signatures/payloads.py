"""Request bodies as operations read them: in pieces, verified as they pass.

A body that turns out wrong raises at its end, after its pieces were handed on; whoever stores them commits only
when the iteration ended well.
"""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from hmac import compare_digest

from outcrop.aws.signatures.refusals import Reason, SignatureRefused, as_service_error

_BLOCK_BYTES = 512 << 10


class PlainBody:
    """A body that is taken as it comes.

    Args:
        pieces: the raw body.
        size_bytes: its length where the client said it.
    """

    def __init__(self, pieces: AsyncIterator[bytes], size_bytes: int | None) -> None:
        self._pieces = pieces
        self._size_bytes = size_bytes
        self._trailers: dict[str, str] = {}

    @property
    def size_bytes(self) -> int | None:
        """Length of the body where the client said it, else None."""
        return self._size_bytes

    @property
    def trailers(self) -> dict[str, str]:
        """Always empty: only chunked bodies carry trailers."""
        return self._trailers

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body in order."""
        return self._pieces


class HashedBody(PlainBody):
    """A body whose SHA-256 was signed beforehand and is compared at its end.

    Args:
        pieces: the raw body.
        size_bytes: its length where the client said it.
        expected_sha256: hex digest from the signed header.
        protocol: protocol of the service, for the wording of a mismatch.
    """

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        size_bytes: int | None,
        expected_sha256: str,
        protocol: str,
    ) -> None:
        super().__init__(pieces, size_bytes)
        self._expected = expected_sha256
        self._protocol = protocol

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body in order; raises SignatureError after the last piece when the hash differs."""
        return self._verified()

    async def _verified(self) -> AsyncIterator[bytes]:
        # Large blocks are hashed in a thread, without Python's lock, while the operation stores them:
        # hashing a fast upload here would leave the event loop no time for anyone else.
        loop = asyncio.get_running_loop()
        hasher = sha256()
        hashed: asyncio.Future[None] | None = None
        block = bytearray()
        async for piece in self._pieces:
            block += piece
            if len(block) < _BLOCK_BYTES:
                continue
            whole, block = bytes(block), bytearray()
            if hashed is not None:
                await hashed
            hashed = loop.run_in_executor(None, hasher.update, whole)
            yield whole
        if hashed is not None:
            await hashed
        hasher.update(block)
        if block:
            yield bytes(block)
        check_digest(hasher.hexdigest(), self._expected, self._protocol)


def check_digest(computed: str, expected: str, protocol: str) -> None:
    """Refuse a body whose digest is not the signed one; both are hex SHA-256.

    Raises:
        SignatureError: they differ.
    """
    if not compare_digest(computed, expected):
        refusal = SignatureRefused(
            Reason.BODY_MISMATCH,
            "The body does not match the signed content hash.",
            ClientComputedContentSHA256=expected,
            S3ComputedContentSHA256=computed,
        )
        raise as_service_error(refusal, protocol)
