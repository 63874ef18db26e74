"""Where code can be fetched from: a URL of S3, signed for ten minutes and for this one package.

The bucket is Lambda's and nobody else's: S3 reads it (services/s3/code_bucket.py), lists it nowhere and writes
nothing to it.
"""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from outcrop.aws.http import HttpRequest
from outcrop.aws.signatures.sigv4 import (
    ALGORITHM,
    UNSIGNED_PAYLOAD,
    Claim,
    canonical_request,
    derive_signing_key,
    string_to_sign,
)
from outcrop.identity.sessions import Session
from outcrop.services.platform import Context

_LIFETIME = timedelta(minutes=10)


def package_url(region: str, kind: str, name: str, package_id: str, context: Context) -> str:
    """Return a URL under which a package can be read for ten minutes.

    Args:
        region: of the function or layer.
        kind: "snapshots" for functions, "layers" for layers, as AWS names the folders.
        name: of the function or layer.
        package_id: of its code.
        context: of the operation, which says how the caller reaches this server.
    """
    settings = context.platform.settings
    host = context.host or f"{settings.host}:{settings.port}"
    bucket = f"awslambda-{region}-{'layers' if kind == 'layers' else 'tasks'}"
    key = f"{kind}/{context.account_id}/{name}-{package_id}"
    path = f"/{bucket}/{quote(key)}"
    now = datetime.now(UTC).replace(microsecond=0)
    # As nobody in particular, who may do this one thing.
    session = Session(
        "federated",
        "",
        int(now.timestamp()) * 1_000_000,
        int((now + _LIFETIME).timestamp()) * 1_000_000,
        name="lambda",
        policy=_only_reading(f"arn:aws:s3:::{bucket}/{key}"),
    )
    credentials = context.platform.directory.tokens.issue(session)
    claim = Claim(
        credentials.access_key_id,
        f"{now:%Y%m%d}",
        region,
        "s3",
        f"{now:%Y%m%dT%H%M%SZ}",
        ("host",),
        "",
        credentials.session_token,
        int(_LIFETIME.total_seconds()),
        UNSIGNED_PAYLOAD,
    )
    query = urlencode(
        {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{claim.access_key_id}/{claim.scope}",
            "X-Amz-Date": claim.timestamp,
            "X-Amz-Expires": str(claim.expires_seconds),
            "X-Amz-Security-Token": claim.session_token,
            "X-Amz-SignedHeaders": "host",
        },
        quote_via=quote,
    )
    request = HttpRequest("GET", path, query, {"host": host})
    canonical = canonical_request(claim, request, UNSIGNED_PAYLOAD, is_s3=True)
    signing_key = derive_signing_key(
        credentials.secret_access_key, claim.date, region, claim.service
    )
    signature = signing_key.sign(string_to_sign(claim, canonical))
    return f"{context.scheme}://{host}{path}?{query}&X-Amz-Signature={signature}"


def _only_reading(arn: str) -> str:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
