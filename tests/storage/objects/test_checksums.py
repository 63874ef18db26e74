"""Checksums: the published check values, whole, in pieces, and combined from parts."""

import base64
import os

import pytest

from outcrop.storage.objects.checksums import (
    ALGORITHMS,
    can_be_combined,
    combine,
    compose,
    encode,
    new_checksum,
)

# Of the nine bytes "123456789": the catalogue of CRC algorithms, FIPS 180, RFC 1321 and xxHash's own.
CHECK_VALUES = {
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "SHA256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
    "MD5": "25f9e794323b453885f5181f1b624d0b",
    "XXHASH64": "8cb841db40e6ae83",
}


def whole(algorithm: str, content: bytes) -> str:
    checksum = new_checksum(algorithm)
    checksum.update(content)
    return encode(checksum.digest())


@pytest.mark.parametrize("algorithm", CHECK_VALUES)
def test_check_values_are_met(algorithm: str) -> None:
    assert base64.b64decode(whole(algorithm, b"123456789")).hex() == CHECK_VALUES[algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pieces_sum_up_to_the_whole(algorithm: str) -> None:
    content = os.urandom(10_000)
    checksum = new_checksum(algorithm)
    for start in range(0, len(content), 777):
        checksum.update(content[start : start + 777])
    assert checksum.digest() == checksum.digest()
    assert encode(checksum.digest()) == whole(algorithm, content)


@pytest.mark.parametrize("algorithm", [*filter(can_be_combined, ALGORITHMS)])
def test_parts_combine_to_the_whole(algorithm: str) -> None:
    parts = [os.urandom(size) for size in (5000, 1, 0, 777)]
    summed = [(whole(algorithm, part), len(part)) for part in parts]
    assert combine(algorithm, summed) == whole(algorithm, b"".join(parts))


def test_a_composite_names_the_number_of_its_parts() -> None:
    parts = [whole("SHA256", b"one"), whole("SHA256", b"two")]
    digests = b"".join(map(base64.b64decode, parts))
    assert compose("SHA256", parts) == whole("SHA256", digests) + "-2"


def test_an_algorithm_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(KeyError):
        new_checksum("ADLER32")
