"""Sealed bytes and files: AES-256-GCM in chunks that can be read from anywhere and that notice any change.

A sealed file is a header and chunks of up to 64 KiB, each followed by its tag. The header holds a random salt that
makes the file's own key from the data key, so a chunk's number can serve as its nonce; the last chunk's nonce
differs, so a file that was cut is refused. The context (such as "s3/bucket/key/content-id") is bound to every chunk:
a file put in another's place does not open.
"""

import hashlib
import os
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from outcrop.core.errors import SealBroken

CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
_MAGIC = b"OUTCROP-SEALED-1"
_SALT_BYTES = 16
HEADER_BYTES = len(_MAGIC) + _SALT_BYTES
_NONCE_BYTES = 12
_BATCH_CHUNKS = 16  # read from the file at once


def new_data_key() -> bytes:
    """Return 32 fresh secret bytes."""
    return os.urandom(32)


def seal_bytes(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """Return a nonce, the ciphertext and its tag.

    Args:
        key: 32 bytes; may seal up to 2**32 values.
        plaintext: what to seal.
        context: must be given again to open it.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context)


def open_bytes(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Return what was sealed.

    Raises:
        SealBroken: another key or context, or the bytes were changed.
    """
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise SealBroken("sealed bytes do not open: wrong key or context, or changed") from None


def sealed_size(plain_bytes: int) -> int:
    """Return the size of the sealed file for a content of so many bytes."""
    return HEADER_BYTES + plain_bytes + TAG_BYTES * _chunk_count(plain_bytes)


def plain_size(sealed_bytes: int) -> int:
    """Return how many bytes a sealed file of this size holds.

    Raises:
        SealBroken: no sealed file has this size.
    """
    body = sealed_bytes - HEADER_BYTES
    chunks = max(1, -(-body // (CHUNK_BYTES + TAG_BYTES)))
    plain_bytes = body - TAG_BYTES * chunks
    if plain_bytes < 0 or _chunk_count(plain_bytes) != chunks:
        raise SealBroken(f"a file of {sealed_bytes} bytes is not a whole sealed file")
    return plain_bytes


def open_small(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Return the content of a whole sealed file of one chunk that is in memory already.

    Raises:
        SealBroken: wrong key or context, not a sealed file of one chunk, or changed.
    """
    if not sealed.startswith(_MAGIC):
        raise SealBroken("the bytes are no sealed file")
    try:
        cipher = AESGCM(_file_key(key, sealed[len(_MAGIC) : HEADER_BYTES]))
        return cipher.decrypt(_ONLY_CHUNK, memoryview(sealed)[HEADER_BYTES:], context)
    except (InvalidTag, ValueError):
        raise SealBroken("a sealed file does not open: wrong key or context, or changed") from None


class Sealer:
    """Seals a stream.

    Args:
        write: takes the sealed bytes in order.
        key: 32 bytes; may seal any number of files.
        context: must be given again to read.
    """

    def __init__(self, write: Callable[[bytes], object], key: bytes, context: bytes) -> None:
        salt = os.urandom(_SALT_BYTES)
        self._write = write
        self._cipher = AESGCM(_file_key(key, salt))
        self._context = context
        self._pending = bytearray()
        self._count = 0
        write(_MAGIC + salt)

    def update(self, data: bytes) -> None:
        """Seal further bytes; up to a chunk of them waits for more."""
        pending = self._pending
        pending += data
        if len(pending) <= CHUNK_BYTES:
            return
        sealed: list[bytes] = []
        view = memoryview(pending)
        # The last chunk differs, so a full one is kept until it is known not to be the last.
        end = (len(pending) - 1) // CHUNK_BYTES * CHUNK_BYTES
        for start in range(0, end, CHUNK_BYTES):
            nonce = _nonce(self._count, is_last=False)
            # No name for the slice: while one exists, `pending` cannot shrink.
            sealed.append(
                self._cipher.encrypt(nonce, view[start : start + CHUNK_BYTES], self._context)
            )
            self._count += 1
        view.release()
        del pending[:end]
        self._write(b"".join(sealed))

    def finish(self) -> None:
        """Seal what waits; nothing can be added afterwards."""
        nonce = _nonce(self._count, is_last=True)
        self._write(self._cipher.encrypt(nonce, bytes(self._pending), self._context))
        self._pending.clear()


class SealedContent(ABC):
    """A sealed file, wherever it lies, read from any place in it.

    Args:
        sealed_bytes: the sealed file's size.
        key: the key that it was sealed with.
        context: as when it was sealed.

    Attributes:
        size_bytes: of the content.

    Raises:
        SealBroken: no sealed file has this size.
    """

    def __init__(self, sealed_bytes: int, key: bytes, context: bytes) -> None:
        self.size_bytes = plain_size(sealed_bytes)
        self._key = key
        self._context = context
        self._cipher: AESGCM | None = None
        self._last = _chunk_count(self.size_bytes) - 1

    @abstractmethod
    def _read_at(self, offset_bytes: int, length_bytes: int) -> bytes:
        """Return bytes of the sealed file; fewer than asked for where it ends."""

    def read(self, offset_bytes: int = 0, length_bytes: int | None = None) -> bytes:
        """Return a range of the content.

        Raises:
            SealBroken: wrong key or context, or the file was changed.
        """
        return b"".join(self.pieces(offset_bytes, length_bytes))

    def pieces(self, offset_bytes: int = 0, length_bytes: int | None = None) -> Iterator[bytes]:
        """Yield a range of the content in pieces of at most 1 MiB.

        Raises:
            SealBroken: wrong key or context, or the file was changed.
        """
        end = self.size_bytes if length_bytes is None else offset_bytes + length_bytes
        end = min(end, self.size_bytes)
        if not self.size_bytes:
            self._chunks(0, 0)  # authenticates the empty file
        at = offset_bytes
        while at < end:
            first = at // CHUNK_BYTES
            last = min((end - 1) // CHUNK_BYTES, first + _BATCH_CHUNKS - 1)
            plain = self._chunks(first, last)
            start = at - first * CHUNK_BYTES
            piece = plain[start : start + end - at]
            yield piece
            at += len(piece)

    def read_header(self) -> None:
        """Read what the file's own key follows from.

        Raises:
            SealBroken: it is no sealed file.
        """
        header = self._read_at(0, HEADER_BYTES)
        if len(header) < HEADER_BYTES or not header.startswith(_MAGIC):
            raise SealBroken("the bytes are no sealed file")
        self._cipher = AESGCM(_file_key(self._key, header[len(_MAGIC) :]))

    def _chunks(self, first: int, last: int) -> bytes:
        if self._cipher is None:
            self.read_header()
        assert self._cipher is not None
        width = CHUNK_BYTES + TAG_BYTES
        sealed = self._read_at(HEADER_BYTES + first * width, (last - first + 1) * width)
        plain: list[bytes] = []
        try:
            for number in range(first, last + 1):
                start = (number - first) * width
                nonce = _nonce(number, is_last=number == self._last)
                plain.append(
                    self._cipher.decrypt(nonce, sealed[start : start + width], self._context)
                )
        except (InvalidTag, ValueError):
            raise SealBroken(
                "a sealed file does not open: wrong key or context, or changed"
            ) from None
        return b"".join(plain)


class SealedFile(SealedContent):
    """A sealed file on disk, opened for reading.

    Args:
        path: the file.
        key: the key that it was sealed with.
        context: as when it was sealed.

    Raises:
        SealBroken: it is not a whole sealed file.
    """

    def __init__(self, path: Path, key: bytes, context: bytes) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            super().__init__(os.fstat(self._descriptor).st_size, key, context)
            self.read_header()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read_at(self, offset_bytes: int, length_bytes: int) -> bytes:
        return os.pread(self._descriptor, length_bytes, offset_bytes)


def _file_key(key: bytes, salt: bytes) -> bytes:
    # Keyed BLAKE2 is a pseudorandom function (RFC 7693) and takes a tenth of OpenSSL's HMAC for so short a text.
    return hashlib.blake2b(salt, digest_size=32, key=key, person=b"outcrop sealed").digest()


def _chunk_count(plain_bytes: int) -> int:
    return max(1, -(-plain_bytes // CHUNK_BYTES))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return struct.pack(">IQ", int(is_last), number)


_ONLY_CHUNK = _nonce(0, is_last=True)
