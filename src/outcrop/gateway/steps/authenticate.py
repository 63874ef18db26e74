"""Step 2: who calls. Verifies the signature or API key, and with it the body it covers.

Cheap refusals come first: an unknown key or a stale date costs the server no body.
"""

import re
from urllib.parse import unquote

from outcrop.aws.operation import Principal
from outcrop.aws.signatures import presigned, sigv2, sigv4
from outcrop.aws.signatures.chunked import FORMS
from outcrop.aws.signatures.refusals import Reason, SignatureRefused, as_service_error
from outcrop.gateway.call import Call
from outcrop.gateway.connection import Connection
from outcrop.gateway.parts import Parts
from outcrop.gateway.steps import read_body
from outcrop.identity.bearer import verify_bearer_token

_HEX_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


async def authenticate(call: Call, gateway: Parts) -> None:
    """Set the call's principal and give its request the verified body.

    Raises:
        ServiceError: no credentials, or they do not hold; in the words of the service that was called.
    """
    if call.connection is None:
        return  # made in this process, under a principal that was given
    try:
        if call.refusal is not None:
            raise call.refusal
        if isinstance(call.claim, sigv4.Claim):
            await _by_signature(call, gateway, call.claim, call.connection)
        elif isinstance(call.claim, sigv2.LegacyClaim):
            await _by_legacy_url(call, gateway, call.claim, call.connection)
        elif call.bearer_token:
            await _by_api_key(call, gateway, call.connection)
        else:
            raise SignatureRefused(Reason.MISSING)
    except SignatureRefused as refusal:
        raise as_service_error(refusal, call.routed().protocol) from None


async def _by_signature(
    call: Call, gateway: Parts, claim: sigv4.Claim, connection: Connection
) -> None:
    secret, call.principal = _key_of(claim.access_key_id, gateway)
    if claim.session_token:
        # Only temporary keys carry a token, and there are none yet: a token does not belong to this key.
        raise SignatureRefused(Reason.UNKNOWN_TOKEN)
    is_presigned = claim.expires_seconds is not None
    if is_presigned:
        presigned.check_lifetime(claim, call.received_at)
    else:
        sigv4.check_skew(claim, call.received_at)
    is_s3 = claim.service == "s3"
    signing_key = gateway.signing_keys.derive(secret, claim)
    declared = claim.payload_hash
    if is_s3 and not declared:
        if not is_presigned:
            raise read_body.InvalidRequest(
                "Missing required header for this request: x-amz-content-sha256"
            )
        declared = sigv4.UNSIGNED_PAYLOAD
    if not declared:
        payload_hash = await read_body.read_undeclared(call, connection)
        sigv4.verify(claim, call.request, signing_key, payload_hash, is_s3=is_s3)
        return
    if not (_HEX_SHA256.match(declared) or (is_s3 and _is_marker(declared))):
        raise SignatureRefused(
            Reason.BODY_MISMATCH, "x-amz-content-sha256 must be the SHA-256 of the body here."
        )
    sigv4.verify(claim, call.request, signing_key, declared, is_s3=is_s3)
    await read_body.read_declared(call, connection, declared, claim, signing_key)


def _is_marker(declared: str) -> bool:
    return declared == sigv4.UNSIGNED_PAYLOAD or declared in FORMS


def _key_of(access_key_id: str, gateway: Parts) -> tuple[str, Principal]:
    found = gateway.credentials.secret_for(access_key_id)
    if found is None:
        raise SignatureRefused(Reason.UNKNOWN_KEY, AWSAccessKeyId=access_key_id)
    return found


async def _by_legacy_url(
    call: Call, gateway: Parts, claim: sigv2.LegacyClaim, connection: Connection
) -> None:
    route = call.routed()
    if route.service != "s3":
        raise SignatureRefused(Reason.MISSING, "Signature Version 2 is for Amazon S3 only.")
    secret, call.principal = _key_of(claim.access_key_id, gateway)
    sigv2.verify(claim, call.request, secret, call.received_at, _virtual_bucket(call))
    await read_body.read_unsigned(call, connection)


def _virtual_bucket(call: Call) -> str:
    """Return the bucket where the host named it: then the path is the key alone."""
    parameters = call.routed().path_parameters
    is_key_alone = unquote(call.request.raw_path[1:]) == parameters.get("Key", "")
    return parameters.get("Bucket", "") if is_key_alone else ""


async def _by_api_key(call: Call, gateway: Parts, connection: Connection) -> None:
    if call.request.scheme != "https":
        raise SignatureRefused(
            Reason.BEARER, "API keys are accepted over HTTPS only; use the HTTPS endpoint."
        )
    if not call.routed().service.startswith("bedrock"):
        raise SignatureRefused(
            Reason.BEARER, "Bedrock API keys are accepted by Amazon Bedrock only."
        )
    call.principal, region = verify_bearer_token(
        call.bearer_token, gateway.credentials, gateway.signing_keys, call.received_at
    )
    call.region = region or call.region
    await read_body.read_unsigned(call, connection)
