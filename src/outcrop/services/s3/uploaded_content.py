"""The content that a request brings: received, summed and compared with what the client says of it."""

import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from outcrop.services.platform import Context
from outcrop.services.s3.errors import BadDigest, EntityTooLarge, InvalidDigest, InvalidRequest
from outcrop.storage.objects.checksums import ALGORITHMS, encode, new_checksum
from outcrop.storage.objects.content import IncomingContent

_MOST_BYTES = 5 << 30  # of one request
_TRAILER_PREFIX = "x-amz-checksum-"


@dataclass(frozen=True, slots=True)
class Claim:
    """What the client says its content sums up to.

    Attributes:
        algorithm: None when it says nothing.
        value: base64; None when it follows in a trailer, or is to be computed.
        follows: whether it comes in a trailer.
    """

    algorithm: str | None = None
    value: str | None = None
    follows: bool = False


def read_claim(request: Mapping[str, Any], context: Context) -> Claim:
    """Return what the headers say of the content.

    Raises:
        InvalidRequest: two checksums, a malformed one, or an algorithm without a checksum.
    """
    given = [name for name in ALGORITHMS if f"Checksum{name}" in request]
    trailer = context.headers.get("x-amz-trailer", "").strip().lower()
    trailing = trailer.removeprefix(_TRAILER_PREFIX).upper()
    follows = trailer.startswith(_TRAILER_PREFIX) and trailing in ALGORITHMS
    if len(given) + follows > 1:
        raise InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    if given:
        value = request[f"Checksum{given[0]}"]
        _decode_checksum(given[0], value)
        return Claim(given[0], value)
    if follows:
        return Claim(trailing, follows=True)
    wanted = request.get("ChecksumAlgorithm")
    if wanted is None:
        return Claim()
    if context.headers:
        raise InvalidRequest(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* "
            "or x-amz-trailer headers were found."
        )
    return Claim(wanted)  # a call of this process leaves the computing to us


def algorithms_of(claim: Claim, *kept: str) -> list[str]:
    """Return the checksums to compute of a content: those to keep, and the claimed one."""
    return sorted({*kept, *([claim.algorithm] if claim.algorithm else [])})


@asynccontextmanager
async def received_content(
    request: Mapping[str, Any], claim: Claim, incoming: IncomingContent
) -> AsyncIterator[IncomingContent]:
    """Give the request's content, written and verified; it is discarded unless it is put.

    Args:
        request: has the body.
        claim: what its headers say of it.
        incoming: where it is written; sums by `algorithms_of(claim, …)`.

    Raises:
        BadDigest: the content does not sum up to what the client says.
        InvalidDigest: Content-MD5 is malformed.
        EntityTooLarge: more than 5 GiB.
        StorageFull: no room.
    """
    body = request.get("Body", b"")
    size_bytes = len(body) if isinstance(body, bytes) else body.size_bytes
    if size_bytes is not None and size_bytes > _MOST_BYTES:
        raise EntityTooLarge(ProposedSize=size_bytes, MaxSizeAllowed=_MOST_BYTES)
    expected_md5 = _decode_md5(request.get("ContentMD5"))
    with incoming as content:
        await content.read_from(body)
        if expected_md5 is not None and content.md5() != expected_md5:
            raise BadDigest("The Content-MD5 you specified did not match what we received.")
        value = claim.value
        if claim.follows:
            assert claim.algorithm is not None
            value = body.trailers.get(_TRAILER_PREFIX + claim.algorithm.lower(), "")
            _decode_checksum(claim.algorithm, value)
        if value is not None:
            assert claim.algorithm is not None
            if content.checksum(claim.algorithm) != value:
                raise BadDigest(
                    f"The {claim.algorithm} you specified did not match the calculated checksum."
                )
        yield content


def check_document(request: Mapping[str, Any], context: Context) -> None:
    """Compare a request's XML document with the digests that its headers give.

    Raises:
        BadDigest: it does not sum up to one of them.
        InvalidDigest: Content-MD5 is malformed.
    """
    expected_md5 = _decode_md5(context.headers.get("content-md5"))
    received_md5 = md5(context.raw_body, usedforsecurity=False).digest()
    if expected_md5 is not None and received_md5 != expected_md5:
        raise BadDigest("The Content-MD5 you specified did not match what we received.")
    claim = read_claim(
        {
            f"Checksum{name}": value
            for name in ALGORITHMS
            if (value := context.headers.get(_TRAILER_PREFIX + name.lower()))
        }
        | {key: request[key] for key in ("ChecksumAlgorithm",) if key in request},
        context,
    )
    if claim.algorithm is not None and claim.value is not None:
        checksum = new_checksum(claim.algorithm)
        checksum.update(context.raw_body)
        if encode(checksum.digest()) != claim.value:
            raise BadDigest(
                f"The {claim.algorithm} you specified did not match the calculated checksum."
            )


def _decode_md5(value: str | None) -> bytes | None:
    if value is None:
        return None
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidDigest from error
    if len(digest) != 16:
        raise InvalidDigest
    return digest


def _decode_checksum(algorithm: str, value: str) -> None:
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != len(new_checksum(algorithm).digest()):
        raise InvalidRequest(f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.")
