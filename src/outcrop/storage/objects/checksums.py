"""The checksums that S3 knows, computed as content streams by.

MD5, SHA and CRC32 come from the standard library, which lets other threads run meanwhile; CRC32C,
CRC64NVME and XXHash from awscrt, imported at the first use.
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

ALGORITHMS = (
    "CRC32",
    "CRC32C",
    "CRC64NVME",
    "SHA1",
    "SHA256",
    "SHA512",
    "MD5",
    "XXHASH64",
    "XXHASH3",
    "XXHASH128",
)
DEFAULT_ALGORITHM = "CRC64NVME"  # what S3 computes when the client names none
_CRC_BYTES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8}


class Checksum(Protocol):
    """A checksum in the making."""

    def update(self, data: bytes, /) -> None:
        """Take in the next bytes."""

    def digest(self) -> bytes:
        """Return the checksum of all bytes taken in, most significant byte first."""


class _Crc:
    def __init__(self, step: Callable[[bytes, int], int], size_bytes: int) -> None:
        self._step = step
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size_bytes, "big")


class _XxHash:
    def __init__(self, variant: str) -> None:
        from awscrt.checksums import XXHash

        makers = {
            "XXHASH64": XXHash.new_xxhash64,
            "XXHASH3": XXHash.new_xxhash3_64,
            "XXHASH128": XXHash.new_xxhash3_128,
        }
        self._state = makers[variant]()
        self._digest: bytes | None = None

    def update(self, data: bytes, /) -> None:
        self._state.update(data)

    def digest(self) -> bytes:
        # The library ends the state with the first answer; ours may be asked again.
        if self._digest is None:
            self._digest = bytes(self._state.finalize())
        return self._digest


def new_checksum(algorithm: str) -> Checksum:
    """Begin a checksum by the name that S3 gives its algorithm.

    Raises:
        KeyError: not one of ALGORITHMS.
    """
    if algorithm == "MD5":
        return hashlib.md5(usedforsecurity=False)
    if algorithm == "CRC32":
        return _Crc(zlib.crc32, 4)
    if algorithm in {"SHA1", "SHA256", "SHA512"}:
        return hashlib.new(algorithm.lower(), usedforsecurity=False)
    if algorithm in {"CRC32C", "CRC64NVME"}:
        from awscrt import checksums

        step = {"CRC32C": checksums.crc32c, "CRC64NVME": checksums.crc64nvme}[algorithm]
        return _Crc(step, _CRC_BYTES[algorithm])
    if algorithm in ALGORITHMS:
        return _XxHash(algorithm)
    raise KeyError(algorithm)


def encode(digest: bytes) -> str:
    """Return a digest as it travels in headers."""
    return base64.b64encode(digest).decode()


def can_be_combined(algorithm: str) -> bool:
    """Whether the checksum of a whole follows from those of its parts."""
    return algorithm in _CRC_BYTES


def combine(algorithm: str, parts: Sequence[tuple[str, int]]) -> str:
    """Return the checksum of the whole object from its parts' checksums and sizes in bytes.

    Raises:
        KeyError: the algorithm is no CRC.
    """
    from awscrt import checksums

    combine_two = {
        "CRC32": checksums.combine_crc32,
        "CRC32C": checksums.combine_crc32c,
        "CRC64NVME": checksums.combine_crc64nvme,
    }[algorithm]
    total = 0
    for value, size_bytes in parts:
        total = combine_two(total, int.from_bytes(base64.b64decode(value), "big"), size_bytes)
    return encode(total.to_bytes(_CRC_BYTES[algorithm], "big"))


def compose(algorithm: str, parts: Sequence[str]) -> str:
    """Return the composite checksum: that of the parts' digests, and the number of parts."""
    checksum = new_checksum(algorithm)
    for value in parts:
        checksum.update(base64.b64decode(value))
    return f"{encode(checksum.digest())}-{len(parts)}"
