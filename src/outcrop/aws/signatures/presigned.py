"""SigV4 in the query of a presigned URL, valid for at most seven days."""

import re
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from outcrop.aws.http import HttpRequest
from outcrop.aws.signatures.refusals import Reason, SignatureRefused
from outcrop.aws.signatures.sigv4 import ALGORITHM, ALLOWED_SKEW, Claim, parse_timestamp

LONGEST_LIFETIME_SECONDS = 7 * 24 * 3600
_SIGNATURE = re.compile(r"[0-9a-f]{64}\Z")
_REQUIRED = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)
_SCOPE_PARTS = 5


def is_presigned(query_string: str) -> bool:
    """Return whether the query carries a SigV4 signature."""
    return "X-Amz-Signature=" in query_string or "X-Amz-Algorithm=" in query_string


def read_claim(request: HttpRequest) -> Claim:
    """Return what the query's X-Amz-* parameters claim.

    Raises:
        SignatureRefused: a parameter is missing, given twice, malformed or beyond seven days.
    """
    pairs = [
        (name, value)
        for name, value in parse_qsl(request.query_string, keep_blank_values=True)
        if name.startswith("X-Amz-")
    ]
    given = dict(pairs)
    missing = [name for name in _REQUIRED if not given.get(name)]
    if missing:
        raise _malformed(f"Query-string authentication requires {', '.join(missing)}.")
    if len(given) != len(pairs):
        raise _malformed("A query-string authentication parameter is given twice.")
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise _malformed(f"X-Amz-Algorithm only supports {ALGORITHM}.")
    parts = given["X-Amz-Credential"].split("/")
    if len(parts) != _SCOPE_PARTS or parts[-1] != "aws4_request" or not all(parts):
        raise _malformed("X-Amz-Credential must be KEY/YYYYMMDD/region/service/aws4_request.")
    if parts[1] != given["X-Amz-Date"][:8]:
        raise _malformed("The date in X-Amz-Credential differs from X-Amz-Date.")
    if not _SIGNATURE.match(given["X-Amz-Signature"]):
        raise _malformed("X-Amz-Signature must be 64 hex digits.")
    return Claim(
        access_key_id=parts[0],
        date=parts[1],
        region=parts[2],
        service=parts[3],
        timestamp=given["X-Amz-Date"],
        signed_headers=tuple(given["X-Amz-SignedHeaders"].split(";")),
        signature=given["X-Amz-Signature"],
        session_token=given.get("X-Amz-Security-Token", ""),
        expires_seconds=_lifetime_seconds(given["X-Amz-Expires"]),
        payload_hash=given.get("X-Amz-Content-Sha256")
        or request.headers.get("x-amz-content-sha256", ""),
    )


def _lifetime_seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise _malformed("X-Amz-Expires should be a number.")
    seconds = int(text[:9])
    if seconds > LONGEST_LIFETIME_SECONDS:
        raise _malformed(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
            f"must be less than {LONGEST_LIFETIME_SECONDS} seconds."
        )
    return seconds


def _malformed(message: str) -> SignatureRefused:
    return SignatureRefused(Reason.MALFORMED_QUERY, message)


def check_lifetime(claim: Claim, now: datetime) -> None:
    """Refuse a URL whose lifetime is over, or that was signed more than 15 minutes in the future.

    Raises:
        SignatureRefused: the URL has expired or is not valid yet.
    """
    signed_at = parse_timestamp(claim.timestamp)
    ends_at = signed_at + timedelta(seconds=claim.expires_seconds or 0)
    if now > ends_at:
        raise SignatureRefused(
            Reason.EXPIRED,
            f"Request has expired: the URL was valid until {ends_at:%Y-%m-%dT%H:%M:%SZ}.",
            Expires=f"{ends_at:%Y-%m-%dT%H:%M:%SZ}",
            ServerTime=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        )
    if signed_at - now > ALLOWED_SKEW:
        raise SignatureRefused(
            Reason.SKEWED,
            f"Signature not yet current: {claim.timestamp} is more than 15 minutes ahead.",
        )
