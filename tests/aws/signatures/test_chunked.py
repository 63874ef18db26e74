"""The aws-chunked forms, written here as the S3 reference describes them, decoded by ours."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.aws.errors import ServiceError
from outcrop.aws.signatures.chunked import ChunkedBody, ChunkSigner
from outcrop.aws.signatures.sigv4 import EMPTY_SHA256, Claim, derive_signing_key

CLAIM = Claim(
    access_key_id="AKIAIOSFODNN7EXAMPLE",
    date="20130524",
    region="us-east-1",
    service="s3",
    timestamp="20130524T000000Z",
    signed_headers=("host",),
    signature="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
)
KEY = derive_signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3")
TRAILER = "x-amz-checksum-crc32"


def signature(previous: str, rest: str, kind: str = "PAYLOAD") -> str:
    text = f"AWS4-HMAC-SHA256-{kind}\n{CLAIM.timestamp}\n{CLAIM.scope}\n{previous}\n{rest}"
    return KEY.sign(text.encode())


def encode(chunks: list[bytes], form: str) -> bytes:
    """Write chunks in one of the forms "signed", "signed+trailer", "unsigned+trailer"."""
    out, previous = b"", CLAIM.signature
    for chunk in [*chunks, b""]:
        head = b"%x" % len(chunk)
        if form != "unsigned+trailer":
            previous = signature(previous, f"{EMPTY_SHA256}\n{sha256(chunk).hexdigest()}")
            head += b";chunk-signature=" + previous.encode()
        out += head + b"\r\n" + (chunk + b"\r\n" if chunk else b"")
    if form != "signed":
        checksum = b64encode(crc32(b"".join(chunks)).to_bytes(4, "big")).decode()
        out += f"{TRAILER}:{checksum}\r\n".encode()
        if form == "signed+trailer":
            hashed = sha256(f"{TRAILER}:{checksum}\n".encode()).hexdigest()
            out += f"x-amz-trailer-signature:{signature(previous, hashed, 'TRAILER')}\r\n".encode()
    return out + b"\r\n"


def body_of(raw: bytes, form: str, size: int, cut: Callable[[int], int]) -> ChunkedBody:
    async def pieces() -> AsyncIterator[bytes]:
        at = 0
        while at < len(raw):
            step = max(1, cut(at))
            yield raw[at : at + step]
            at += step

    signer = None if form == "unsigned+trailer" else ChunkSigner(KEY, CLAIM)
    announced = frozenset() if form == "signed" else frozenset({TRAILER})
    return ChunkedBody(pieces(), size, signer, announced, has_trailer=form != "signed")


async def decode(body: ChunkedBody) -> bytes:
    return b"".join([piece async for piece in body])


FORMS = st.sampled_from(["signed", "signed+trailer", "unsigned+trailer"])
CHUNKS = st.lists(st.binary(min_size=1, max_size=300), max_size=5)


async def test_the_example_of_the_s3_reference_verifies() -> None:
    # 64 KiB and 1 KiB of "a": the signatures printed in AWS's documentation.
    signer = ChunkSigner(KEY, CLAIM)
    signer.check_chunk(
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        sha256(b"a" * 65536).hexdigest(),
    )
    signer.check_chunk(
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        sha256(b"a" * 1024).hexdigest(),
    )
    signer.check_chunk(
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9", EMPTY_SHA256
    )


@settings(deadline=None, max_examples=50)
@given(CHUNKS, FORMS, st.integers(1, 400))
async def test_any_cut_of_the_stream_decodes_to_the_same_bytes(
    chunks: list[bytes], form: str, step: int
) -> None:
    content = b"".join(chunks)
    body = body_of(encode(chunks, form), form, len(content), lambda _: step)
    assert await decode(body) == content
    if form == "signed":
        assert body.trailers == {}
    else:
        assert body.trailers == {TRAILER: b64encode(crc32(content).to_bytes(4, "big")).decode()}


@settings(deadline=None, max_examples=50)
@given(st.data(), st.sampled_from(["signed", "signed+trailer"]))
async def test_one_flipped_bit_breaks_a_signed_stream(data: st.DataObject, form: str) -> None:
    chunks = [b"first chunk", b"second"]
    raw = bytearray(encode(chunks, form))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    body = body_of(bytes(raw), form, 17, lambda _: 64)
    original = encode(chunks, form)
    if bytes(raw).lower() == original.lower() or bytes(raw).split() == original.split():
        return
    with pytest.raises(ServiceError):
        await decode(body)


@settings(deadline=None, max_examples=50)
@given(FORMS, st.integers(0, 10_000))
async def test_a_stream_cut_short_is_incomplete(form: str, cut: int) -> None:
    raw = encode([b"some", b"content"], form)
    body = body_of(raw[: cut % (len(raw) - 1)], form, 11, lambda _: 7)
    with pytest.raises(ServiceError):
        await decode(body)


async def test_chunks_cannot_change_places() -> None:
    first, second = [b"aa", b"bb"], [b"bb", b"aa"]
    raw = (
        encode(first, "signed")
        .replace(b"\r\naa\r\n", b"\r\n--\r\n")
        .replace(b"\r\nbb\r\n", b"\r\naa\r\n")
    )
    assert len(second) == 2
    with pytest.raises(ServiceError) as refused:
        await decode(body_of(raw.replace(b"\r\n--\r\n", b"\r\nbb\r\n"), "signed", 4, lambda _: 64))
    assert refused.value.code == "SignatureDoesNotMatch"


async def test_a_stream_of_another_length_than_announced_is_refused() -> None:
    raw = encode([b"12345"], "unsigned+trailer")
    for size in (4, 6):
        with pytest.raises(ServiceError) as refused:
            await decode(body_of(raw, "unsigned+trailer", size, lambda _: 64))
        assert refused.value.code == "IncompleteBody"


async def test_a_missing_trailer_is_refused() -> None:
    raw = encode([b"12345"], "signed").replace(b"", b"")
    body = ChunkedBody(
        body_of(raw, "signed", 5, lambda _: 64)._reader._pieces,
        5,
        ChunkSigner(KEY, CLAIM),
        frozenset({TRAILER}),
        has_trailer=True,
    )
    with pytest.raises(ServiceError) as refused:
        await decode(body)
    assert refused.value.code == "MalformedTrailerError"


async def test_chunks_signed_for_another_request_are_refused() -> None:
    raw = encode([b"12345"], "signed")
    other = ChunkSigner(KEY, CLAIM._replace(signature="0" * 64))
    body = ChunkedBody(
        body_of(raw, "signed", 5, lambda _: 64)._reader._pieces,
        5,
        other,
        frozenset(),
        has_trailer=False,
    )
    with pytest.raises(ServiceError) as refused:
        await decode(body)
    assert refused.value.code == "SignatureDoesNotMatch"
