"""Step 2: who calls. Verifies the signature or API key, and with it the body it covers.

Cheap refusals come first: an unknown key or a stale date costs the server no body.
"""

import re
from urllib.parse import unquote

from outcrop.aws.operation import Principal
from outcrop.aws.posted_forms import PostedForm
from outcrop.aws.signatures import posted_policy, presigned, sigv2, sigv4
from outcrop.aws.signatures.chunked import FORMS
from outcrop.aws.signatures.refusals import Reason, SignatureRefused, as_service_error
from outcrop.gateway.call import Call
from outcrop.gateway.connection import Connection
from outcrop.gateway.parts import Parts
from outcrop.gateway.steps import read_body
from outcrop.gateway.steps.route import signing_name_of
from outcrop.identity.bearer import verify_bearer_token
from outcrop.identity.directory import Credential

ANONYMOUS = Principal(type="Anonymous", arn="", account_id="")
_TOKEN_HEADER = "x-amz-security-token"  # noqa: S105  # a name
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


# API reference of SNS: neither needs a signature unless the subscription was confirmed with one.
_OPEN = frozenset({("sns", "ConfirmSubscription"), ("sns", "Unsubscribe")})


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
        if call.form is not None:
            _by_policy(call, gateway, call.form)
        elif isinstance(call.claim, sigv4.Claim):
            await _by_signature(call, gateway, call.claim, call.connection)
        elif isinstance(call.claim, sigv2.LegacyClaim):
            await _by_legacy_url(call, gateway, call.claim, call.connection)
        elif call.bearer_token:
            await _by_api_key(call, gateway, call.connection)
        elif call.routed().service == "s3" or _is_open(call):
            await _anonymously(call, call.connection)
        else:
            raise SignatureRefused(Reason.MISSING)
    except SignatureRefused as refusal:
        raise as_service_error(refusal, call.routed().protocol) from None
    if gateway.credentials.note_use(
        call.caller(), signing_name_of(call) or "bedrock", call.region, call.received_at
    ):
        gateway.writer.submit(gateway.credentials.store_uses)


def _is_open(call: Call) -> bool:
    """Whether a link in a mail may call the operation: what it carries proves what is needed."""
    route = call.routed()
    return (route.service, route.operation) in _OPEN


async def _by_signature(
    call: Call, gateway: Parts, claim: sigv4.Claim, connection: Connection
) -> None:
    credential = _credential_of(claim.access_key_id, claim.session_token, call, gateway)
    call.principal = credential.principal
    is_presigned = claim.expires_seconds is not None
    if is_presigned:
        presigned.check_lifetime(claim, call.received_at)
    else:
        sigv4.check_skew(claim, call.received_at)
    is_s3 = claim.service == "s3"
    signing_key = gateway.signing_keys.derive(credential.secret, claim)
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


def _credential_of(
    access_key_id: str, session_token: str, call: Call, gateway: Parts
) -> Credential:
    """Return the credential of a key and its token.

    Raises:
        SignatureRefused: unknown, switched off, not this token's, expired, or not good for IAM.
    """
    found = gateway.credentials.find(access_key_id, session_token)
    if found is None:
        if session_token:
            raise SignatureRefused(Reason.UNKNOWN_TOKEN)
        raise SignatureRefused(Reason.UNKNOWN_KEY, AWSAccessKeyId=access_key_id)
    if found.expires is not None and call.received_at >= found.expires:
        raise SignatureRefused(Reason.EXPIRED_TOKEN)
    # AWS: what GetSessionToken and GetFederationToken give opens IAM only after a second factor.
    is_bare_session = found.expires is not None and found.principal.type != "AssumedRole"
    if is_bare_session and call.routed().service == "iam" and not found.principal.has_mfa:
        raise SignatureRefused(Reason.UNKNOWN_TOKEN)
    return found


async def _by_legacy_url(
    call: Call, gateway: Parts, claim: sigv2.LegacyClaim, connection: Connection
) -> None:
    route = call.routed()
    if route.service != "s3":
        raise SignatureRefused(Reason.MISSING, "Signature Version 2 is for Amazon S3 only.")
    credential = _credential_of(claim.access_key_id, _legacy_token(call, claim), call, gateway)
    call.principal = credential.principal
    sigv2.verify(claim, call.request, credential.secret, call.received_at, _virtual_bucket(call))
    await read_body.read_unsigned(call, connection)


def _legacy_token(call: Call, claim: sigv2.LegacyClaim) -> str:
    """Return the session token of a SigV2 URL; its signature covers both places."""
    in_query = (value for name, value in claim.parameters if name.lower() == _TOKEN_HEADER)
    return call.request.headers.get(_TOKEN_HEADER) or next(in_query, "")


def _virtual_bucket(call: Call) -> str:
    """Return the bucket where the host named it: then the path is the key alone."""
    parameters = call.routed().path_parameters
    is_key_alone = unquote(call.request.raw_path[1:]) == parameters.get("Key", "")
    return parameters.get("Bucket", "") if is_key_alone else ""


def _by_policy(call: Call, gateway: Parts, form: PostedForm) -> None:
    """Hold a posted form against the policy that somebody signed for it; one without is nobody's."""
    claim = call.claim = posted_policy.read_claim(form)
    if claim is None:
        call.principal = ANONYMOUS
        return
    call.region = claim.region or call.region
    credential = _credential_of(claim.access_key_id, claim.session_token, call, gateway)
    call.principal = credential.principal
    posted_policy.verify(claim, form, credential.secret)
    posted_policy.check(form, call.routed().path_parameters["Bucket"], call.received_at)


async def _anonymously(call: Call, connection: Connection) -> None:
    """Let an unsigned request through as nobody; a bucket's policy may have something for everybody."""
    call.principal = ANONYMOUS
    declared = call.request.headers.get("x-amz-content-sha256", "")
    if _HEX_SHA256.match(declared) or _is_marker(declared):
        await read_body.read_declared(call, connection, declared)
    else:
        await read_body.read_unsigned(call, connection)


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
