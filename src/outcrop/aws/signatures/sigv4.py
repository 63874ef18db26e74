"""SigV4 in the Authorization header, and what it shares with presigned URLs and chunked bodies.

Source: AWS General Reference, "Signature Version 4"; checked against the vectors of botocore's test suite.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest
from typing import NamedTuple

from outcrop.aws.http import HttpRequest
from outcrop.aws.signatures.canonical import canonical_headers, canonical_path, canonical_query
from outcrop.aws.signatures.refusals import Reason, SignatureRefused

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = sha256(b"").hexdigest()
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
ALLOWED_SKEW = timedelta(minutes=15)
_CACHED_KEYS = 1024

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request\s*,"
    r"\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([0-9a-f]{64})\s*\Z"
)
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z\Z", re.ASCII)
# Bedrock refuses this option unless it is signed, though it lacks the usual prefix.
_SIGNED_BY_RULE = frozenset({"x-amzn-bedrock-request-metadata"})


class Claim(NamedTuple):
    """What a SigV4 signature says about itself; nothing of it is verified yet.

    Attributes:
        date: YYYYMMDD of the credential scope.
        service: signing name, such as "bedrock" for both bedrock and bedrock-runtime.
        timestamp: YYYYMMDDTHHMMSSZ.
        signed_headers: lower-case names in signed order.
        session_token: token of a temporary key, else "".
        expires_seconds: lifetime of a presigned URL; None for a signature in headers.
        payload_hash: the hash or marker the client declared, or "" where it declared none.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[str, ...]
    signature: str
    session_token: str = ""
    expires_seconds: int | None = None
    payload_hash: str = ""

    @property
    def scope(self) -> str:
        """The credential scope without the key id."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


class SigningKey:
    """HMAC-SHA256 (RFC 2104) under one key, whose two padded blocks are hashed once.

    The standard library's one-shot HMAC sets OpenSSL up anew each time, which takes longer than the hashing.

    Args:
        key: at most 64 bytes.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(64, b"\0")
        self._inner = sha256(bytes([byte ^ 0x36 for byte in block]))
        self._outer = sha256(bytes([byte ^ 0x5C for byte in block]))

    def sign(self, message: bytes) -> str:
        """Return the message's signature as 64 hex digits."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest()


class SigningKeys:
    """Derives signing keys and remembers them: four HMACs less on every request of the same day."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str, str, str], SigningKey] = {}

    def derive(self, secret: str, claim: Claim) -> SigningKey:
        """Return the signing key of this secret for the claim's date, region and service."""
        name = (secret, claim.date, claim.region, claim.service)
        key = self._keys.get(name)
        if key is None:
            key = derive_signing_key(secret, claim.date, claim.region, claim.service)
            if len(self._keys) >= _CACHED_KEYS:
                self._keys.clear()
            self._keys[name] = key
        return key


def derive_signing_key(secret: str, date: str, region: str, service: str) -> SigningKey:
    """Return the SigV4 signing key of a secret for one day (YYYYMMDD), region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac_digest(key, part.encode(), "sha256")
    return SigningKey(key)


def read_claim(request: HttpRequest) -> Claim:
    """Return what the Authorization header claims.

    Raises:
        SignatureRefused: the header is malformed, or the request carries no usable date.
    """
    headers = request.headers
    match = _AUTHORIZATION.match(headers.get("authorization", ""))
    if match is None:
        raise SignatureRefused(Reason.INCOMPLETE, _complaint(headers.get("authorization", "")))
    key, date, region, service, signed, signature = match.groups()
    timestamp = headers.get("x-amz-date") or _timestamp_of_date_header(headers.get("date", ""))
    if timestamp[:8] != date:
        raise SignatureRefused(
            Reason.MISMATCH,
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{date}' != '{timestamp[:8]}', from '{timestamp}'.",
        )
    return Claim(
        access_key_id=key,
        date=date,
        region=region,
        service=service,
        timestamp=timestamp,
        signed_headers=tuple(signed.split(";")),
        signature=signature,
        session_token=headers.get("x-amz-security-token", ""),
        payload_hash=headers.get("x-amz-content-sha256", ""),
    )


def _complaint(authorization: str) -> str:
    if not authorization.startswith(ALGORITHM):
        return f"Unsupported authorization; expected {ALGORITHM}."
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if f"{name}=" not in authorization
    ]
    # The header is not echoed: a client's mistake may have put a secret into it.
    return " ".join(missing) or (
        "Credential must be KEY/YYYYMMDD/region/service/aws4_request and Signature 64 hex digits."
    )


def _timestamp_of_date_header(text: str) -> str:
    if _TIMESTAMP.match(text):
        return text
    try:
        return parsedate_to_datetime(text).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, TypeError, IndexError):
        raise SignatureRefused(
            Reason.INCOMPLETE,
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ) from None


def parse_timestamp(timestamp: str) -> datetime:
    """Return the moment of a YYYYMMDDTHHMMSSZ text.

    Raises:
        SignatureRefused: the text has another form.
    """
    try:
        if not _TIMESTAMP.match(timestamp):
            raise ValueError(timestamp)
        return datetime.fromisoformat(timestamp)
    except ValueError:
        raise SignatureRefused(
            Reason.INCOMPLETE, f"Date must be in ISO-8601 basic format: '{timestamp}'."
        ) from None


def check_skew(claim: Claim, now: datetime) -> None:
    """Refuse a header signature made more than 15 minutes before or after `now`.

    Raises:
        SignatureRefused: stale, or from the future.
    """
    signed_at = parse_timestamp(claim.timestamp)
    if abs(now - signed_at) <= ALLOWED_SKEW:
        return
    here = now.strftime("%Y%m%dT%H%M%SZ")
    if signed_at < now:
        message = f"Signature expired: {claim.timestamp} is now earlier than {here} - 15 min."
    else:
        message = (
            f"Signature not yet current: {claim.timestamp} is still later than {here} + 15 min."
        )
    raise SignatureRefused(
        Reason.SKEWED,
        message,
        RequestTime=claim.timestamp,
        ServerTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        MaxAllowedSkewMilliseconds=str(int(ALLOWED_SKEW.total_seconds() * 1000)),
    )


def verify(
    claim: Claim, request: HttpRequest, signing_key: SigningKey, payload_hash: str, *, is_s3: bool
) -> None:
    """Refuse the request unless its signature is the one this key gives.

    Time is checked apart, by `check_skew` or `presigned.check_lifetime`.

    Args:
        claim: from `read_claim` here or in `presigned`.
        request: what was sent.
        signing_key: derived for the claim's scope.
        payload_hash: hex SHA-256 of the body, or the marker that stands for it.
        is_s3: S3 neither normalises the path nor encodes it twice.

    Raises:
        SignatureRefused: host or an x-amz-* header is not signed, or the signature differs.
    """
    check_signed_headers(claim, request)
    canonical = canonical_request(claim, request, payload_hash, is_s3=is_s3)
    expected = signing_key.sign(string_to_sign(claim, canonical))
    if not compare_digest(expected, claim.signature):
        raise SignatureRefused(Reason.MISMATCH, AWSAccessKeyId=claim.access_key_id)


def check_signed_headers(claim: Claim, request: HttpRequest) -> None:
    """Refuse when `host` or any x-amz-* header of the request is not among the signed ones."""
    signed = claim.signed_headers
    if "host" not in signed:
        raise SignatureRefused(
            Reason.UNSIGNED_HEADERS, "'Host' must be a signed header.", HeadersNotSigned="host"
        )
    unsigned = [
        name
        for name in request.headers
        if name.startswith("x-amz")
        and name not in signed
        and (name.startswith("x-amz-") or name in _SIGNED_BY_RULE)
    ]
    if unsigned:
        names = ", ".join(sorted(unsigned))
        raise SignatureRefused(
            Reason.UNSIGNED_HEADERS,
            f"There were headers present in the request which were not signed: {names}.",
            HeadersNotSigned=names,
        )


def canonical_request(
    claim: Claim, request: HttpRequest, payload_hash: str, *, is_s3: bool
) -> bytes:
    """Return the canonical request that is hashed into the string to sign."""
    without = "" if claim.expires_seconds is None else "X-Amz-Signature"
    names = claim.signed_headers
    text = (
        f"{request.method}\n{canonical_path(request.raw_path, is_s3=is_s3)}\n"
        f"{canonical_query(request.query_string, without)}\n"
        f"{canonical_headers(request.headers, names)}\n{';'.join(names)}\n{payload_hash}"
    )
    # Header values were decoded as Latin-1; the same bytes come back.
    return text.encode("latin-1", "surrogateescape")


def string_to_sign(claim: Claim, canonical: bytes) -> bytes:
    """Return what the signing key signs for a canonical request."""
    digest = sha256(canonical).hexdigest()
    return f"{ALGORITHM}\n{claim.timestamp}\n{claim.scope}\n{digest}".encode()
