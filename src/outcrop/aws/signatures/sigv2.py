"""SigV2 in the query of a presigned S3 URL: `AWSAccessKeyId`, `Signature` and `Expires`.

boto3 still makes these by default at a custom endpoint in us-east-1. S3 only; HMAC-SHA1 over a short string.

Source: Amazon S3 Developer Guide, "Signing and authenticating REST requests".
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from hmac import digest as hmac_digest
from urllib.parse import parse_qsl

from outcrop.aws.http import HttpRequest
from outcrop.aws.signatures.canonical import canonical_path
from outcrop.aws.signatures.refusals import Reason, SignatureRefused

# Query parameters that name a part of the resource or shape its answer, and so are signed.
_SIGNED_PARAMETERS = frozenset(
    """
    accelerate acl analytics cors defaultObjectAcl delete encryption inventory legal-hold lifecycle location
    logging metrics notification object-lock partNumber policy publicAccessBlock replication requestPayment
    response-cache-control response-content-disposition response-content-encoding response-content-language
    response-content-type response-expires restore retention select select-type storageClass tagging torrent
    uploadId uploads versionId versioning versions website
    """.split()  # noqa: SIM905  # forty lines less than a literal
)


@dataclass(frozen=True, slots=True)
class LegacyClaim:
    """What a SigV2 URL says about itself; nothing of it is verified yet.

    Attributes:
        expires_at: end of validity in seconds since 1970.
        signature: Base64 of an HMAC-SHA1.
        parameters: all query parameters, decoded, in order.
    """

    access_key_id: str
    expires_at: int
    signature: str
    parameters: tuple[tuple[str, str], ...]


def is_presigned(query_string: str) -> bool:
    """Return whether the query carries a SigV2 signature."""
    return "AWSAccessKeyId=" in query_string and "Signature=" in query_string


def read_claim(request: HttpRequest) -> LegacyClaim:
    """Return what the query claims.

    Raises:
        SignatureRefused: Expires is missing or not a number.
    """
    parameters = tuple(parse_qsl(request.query_string, keep_blank_values=True))
    given = dict(parameters)
    expires = given.get("Expires", "")
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        raise SignatureRefused(
            Reason.MALFORMED_QUERY, "Query-string authentication requires a numeric Expires."
        )
    return LegacyClaim(
        given.get("AWSAccessKeyId", ""), int(expires), given.get("Signature", ""), parameters
    )


def verify(
    claim: LegacyClaim, request: HttpRequest, secret: str, now: datetime, virtual_bucket: str = ""
) -> None:
    """Refuse the URL unless its signature is the one this secret gives and it has not expired.

    Args:
        claim: from `read_claim`.
        request: what was sent.
        secret: of the claim's key.
        now: the present.
        virtual_bucket: the bucket, where the host names it and the path does not.

    Raises:
        SignatureRefused: the URL has expired or the signature differs.
    """
    if now.timestamp() > claim.expires_at:
        ends_at = datetime.fromtimestamp(claim.expires_at, UTC)
        raise SignatureRefused(
            Reason.EXPIRED,
            f"Request has expired: the URL was valid until {ends_at:%Y-%m-%dT%H:%M:%SZ}.",
            Expires=f"{ends_at:%Y-%m-%dT%H:%M:%SZ}",
            ServerTime=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        )
    text = _string_to_sign(claim, request, virtual_bucket).encode("utf-8", "surrogateescape")
    expected = base64.b64encode(hmac_digest(secret.encode(), text, "sha1"))
    if not compare_digest(expected, claim.signature.encode("utf-8", "surrogateescape")):
        raise SignatureRefused(Reason.MISMATCH, AWSAccessKeyId=claim.access_key_id)


def _string_to_sign(claim: LegacyClaim, request: HttpRequest, virtual_bucket: str) -> str:
    # botocore moves signed headers into the query, so both places count; the header wins.
    in_query = {name.lower(): value for name, value in claim.parameters}
    values = {**in_query, **request.headers}
    amazon = {
        name: " ".join(value.split()) for name, value in values.items() if name.startswith("x-amz-")
    }
    lines = [
        request.method,
        values.get("content-md5", ""),
        values.get("content-type", ""),
        str(claim.expires_at),
        *(f"{name}:{amazon[name]}" for name in sorted(amazon)),
        _canonical_resource(claim, request.raw_path, virtual_bucket),
    ]
    return "\n".join(lines)


def _canonical_resource(claim: LegacyClaim, raw_path: str, virtual_bucket: str) -> str:
    path = canonical_path(raw_path, is_s3=True)
    if virtual_bucket:
        path = f"/{virtual_bucket}{path}"
    signed = sorted(pair for pair in claim.parameters if pair[0] in _SIGNED_PARAMETERS)
    items = [f"{name}={value}" if value else name for name, value in signed]
    return path + ("?" + "&".join(items) if items else "")
