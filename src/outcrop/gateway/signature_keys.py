"""Condition keys of S3 that say how a request was signed and sent.

Source: Service Authorization Reference, "Condition keys for Amazon S3".
"""

from datetime import UTC, datetime
from functools import lru_cache

from outcrop.aws.signatures.sigv2 import LegacyClaim
from outcrop.aws.signatures.sigv4 import Claim
from outcrop.gateway.call import Call

_TLS_VERSION_START = "TLSv"


@lru_cache(maxsize=1024)  # a busy client signs many requests within a second
def _signed_at(timestamp: str) -> datetime:
    return datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def signature_keys(call: Call) -> dict[str, str]:
    """Return the keys, in lower case, of a call over the network; an unsigned one has none about signatures."""
    keys: dict[str, str] = {}
    request, claim = call.request, call.claim
    digest = request.headers.get("x-amz-content-sha256")
    if digest is not None:
        keys["s3:x-amz-content-sha256"] = digest
    if request.tls is not None:
        keys["s3:tlsversion"] = request.tls[0].removeprefix(_TLS_VERSION_START)
    if isinstance(claim, Claim):
        keys["s3:signatureversion"] = "AWS4-HMAC-SHA256"
        is_in_url = claim.expires_seconds is not None
        keys["s3:authtype"] = "REST-QUERY-STRING" if is_in_url else "REST-HEADER"
        age_seconds = max(0.0, (call.received_at - _signed_at(claim.timestamp)).total_seconds())
        keys["s3:signatureage"] = str(int(age_seconds * 1000))
    elif isinstance(claim, LegacyClaim):
        keys["s3:signatureversion"] = "AWS"
        keys["s3:authtype"] = "REST-QUERY-STRING"
    return keys
