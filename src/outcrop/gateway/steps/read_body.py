"""Reading and decoding request bodies: whole for most operations, as a stream for uploads."""

from hashlib import sha256

from outcrop.aws.errors import ServiceError
from outcrop.aws.http import ByteStream
from outcrop.aws.signatures import chunked, payloads
from outcrop.aws.signatures.refusals import Reason, SignatureRefused
from outcrop.aws.signatures.sigv4 import UNSIGNED_PAYLOAD, Claim, SigningKey
from outcrop.gateway.call import Call
from outcrop.gateway.connection import Connection, RequestTooLarge

# The service models allow 25,000,000 bytes for an InvokeModel body, the largest that is read whole but for code.
MOST_BODY_BYTES = 25_000_000
# Lambda quotas: an archive of 50 MB in Base64, and what stands around it.
_MOST_CODE_BYTES = 70_167_211
_WITH_CODE = frozenset({"CreateFunction", "UpdateFunctionCode", "PublishLayerVersion"})


class MissingContentLength(ServiceError):  # AWS's name
    """A chunked upload does not say how long its content is."""

    code = "MissingContentLength"
    status = 411


class InvalidRequest(ServiceError):  # AWS's name
    """The request's body cannot be read as its headers describe it."""

    code = "InvalidRequest"
    status = 400


def _most_bytes(call: Call) -> int:
    route = call.routed()
    if route.service == "lambda" and route.operation in _WITH_CODE:
        return _MOST_CODE_BYTES
    return MOST_BODY_BYTES


async def read_undeclared(call: Call, connection: Connection) -> str:
    """Read the whole body of a request that declares no content hash, and return its hex SHA-256."""
    body = call.request.body or await connection.read_all(_most_bytes(call))
    call.request.body = body
    return sha256(body).hexdigest()


async def read_declared(
    call: Call,
    connection: Connection,
    declared: str,
    claim: Claim | None = None,
    signing_key: SigningKey | None = None,
) -> None:
    """Give the request its body, checked against what its headers declare.

    Args:
        call: the call; its signature, where it has one, is verified.
        connection: where the body comes from.
        declared: hex SHA-256, UNSIGNED-PAYLOAD or the name of a chunked form.
        claim: the signature, which seeds those of the chunks; None for anonymous calls.
        signing_key: verifies the chunks; None for anonymous calls.

    Raises:
        ServiceError: the body is too large or not what was declared.
    """
    route = call.routed()
    if declared in chunked.FORMS:
        stream: ByteStream = _chunked_body(call, connection, declared, claim, signing_key)
    elif route.streams_request:
        stream = _plain_body(connection, declared, route.protocol)
    else:
        body = call.request.body or await connection.read_all(_most_bytes(call))
        if declared != UNSIGNED_PAYLOAD:
            payloads.check_digest(sha256(body).hexdigest(), declared, route.protocol)
        call.request.body = body
        return
    await _attach(call, stream)


async def read_unsigned(call: Call, connection: Connection) -> None:
    """Give the request its body as it comes; for credentials that do not cover the body."""
    if call.routed().streams_request:
        call.request.stream = payloads.PlainBody(connection.pieces(), connection.size_bytes)
    else:
        call.request.body = call.request.body or await connection.read_all(_most_bytes(call))


def _plain_body(connection: Connection, declared: str, protocol: str) -> ByteStream:
    size_bytes = 0 if connection.body_ended else connection.size_bytes
    if declared == UNSIGNED_PAYLOAD:
        return payloads.PlainBody(connection.pieces(), size_bytes)
    return payloads.HashedBody(connection.pieces(), size_bytes, declared, protocol)


def _chunked_body(
    call: Call,
    connection: Connection,
    form: str,
    claim: Claim | None,
    signing_key: SigningKey | None,
) -> ByteStream:
    headers = call.request.headers
    length = headers.get("x-amz-decoded-content-length", "")
    if not (length.isascii() and length.isdigit() and len(length) <= 15):
        raise MissingContentLength("You must provide the x-amz-decoded-content-length HTTP header.")
    announced = frozenset(
        name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()
    )
    signer = None
    if form != chunked.UNSIGNED_TRAILER:
        if claim is None or signing_key is None:
            raise SignatureRefused(Reason.MISSING)  # signed chunks under no signature
        signer = chunked.ChunkSigner(signing_key, claim)
    return chunked.ChunkedBody(
        connection.pieces(),
        int(length),
        signer,
        announced,
        has_trailer=form != chunked.SIGNED,
    )


async def _attach(call: Call, stream: ByteStream) -> None:
    if call.routed().streams_request:
        call.request.stream = stream
        return
    most_bytes = _most_bytes(call)
    if (stream.size_bytes or 0) > most_bytes:
        raise RequestTooLarge(f"The request body exceeds {most_bytes:,} bytes.")
    call.request.body = b"".join([piece async for piece in stream])
