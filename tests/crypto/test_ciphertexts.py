"""Blobs of KMS: properties of what opens and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.core.errors import SealBroken
from outcrop.crypto.ciphertexts import (
    BlobHeader,
    encode_context,
    open_blob,
    read_header,
    seal_blob,
)

SECRET = bytes(range(32))
HEADER = BlobHeader("01234567-89ab-cdef-0123-456789abcdef", "ab" * 32)
CONTEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=5)


@given(st.binary(max_size=200), CONTEXTS, st.randoms())
def test_every_order_of_a_context_opens(
    plaintext: bytes, context: dict[str, str], random: object
) -> None:
    blob = seal_blob(SECRET, HEADER, plaintext, context)
    pairs = list(context.items())
    random.shuffle(pairs)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert open_blob(SECRET, blob, dict(pairs)) == plaintext
    assert read_header(blob) == HEADER


@given(CONTEXTS, CONTEXTS)
def test_contexts_have_one_spelling_each(one: dict[str, str], other: dict[str, str]) -> None:
    assert (encode_context(one) == encode_context(other)) == (one == other)


@given(CONTEXTS, CONTEXTS)
def test_no_other_context_opens(one: dict[str, str], other: dict[str, str]) -> None:
    blob = seal_blob(SECRET, HEADER, b"plain", one)
    if one == other:
        assert open_blob(SECRET, blob, other) == b"plain"
    else:
        with pytest.raises(SealBroken, match="wrong context, or changed"):
            open_blob(SECRET, blob, other)


@given(st.data())
def test_no_flipped_bit_goes_unseen(data: st.DataObject) -> None:
    blob = bytearray(seal_blob(SECRET, HEADER, b"plain", {"a": "b"}))
    place = data.draw(st.integers(0, len(blob) - 1))
    blob[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealBroken, match=r"no ciphertext of this server|does not open"):
        _read_and_open(bytes(blob), {"a": "b"})


@given(st.binary(max_size=300))
def test_bytes_that_are_no_blob_are_refused(content: bytes) -> None:
    with pytest.raises(SealBroken, match="no ciphertext of this server"):
        read_header(content)


def test_pairs_cannot_be_joined_into_others() -> None:
    blob = seal_blob(SECRET, HEADER, b"plain", {"ab": "c"})
    with pytest.raises(SealBroken, match="wrong context"):
        open_blob(SECRET, blob, {"a": "bc"})


def test_two_blobs_of_one_plaintext_have_nothing_in_common_but_their_header() -> None:
    one, other = (seal_blob(SECRET, HEADER, b"plain", {}) for _ in range(2))
    assert one[:53] == other[:53]
    assert one[53:69] != other[53:69]
    assert one[81:] != other[81:]


def _read_and_open(blob: bytes, context: dict[str, str]) -> bytes:
    header = read_header(blob)
    if header != HEADER:  # the caller would look for another key, and open with that
        raise SealBroken("does not open under another key")
    return open_blob(SECRET, blob, context)
