"""Step 1: which operation is called, told from the raw path, the headers and the credential scope."""

from outcrop.aws.http import HttpRequest
from outcrop.aws.posted_forms import is_posted_form
from outcrop.aws.signatures import presigned, sigv2, sigv4
from outcrop.aws.signatures.posted_policy import PolicyClaim
from outcrop.aws.signatures.refusals import SignatureRefused
from outcrop.gateway.call import Call
from outcrop.gateway.parts import Parts
from outcrop.gateway.steps import posted_form
from outcrop.gateway.steps.read_body import MOST_BODY_BYTES


async def route(call: Call, gateway: Parts) -> None:
    """Find the operation; credentials are read for the service they name, and verified later.

    Raises:
        ServiceError: no operation answers here.
    """
    request = call.request
    try:
        _read_credentials(call, request)
    except SignatureRefused as refusal:
        call.refusal = refusal
    signing_name = signing_name_of(call)
    if call.connection is not None and signing_name is None and is_posted_form(request):
        await posted_form.take_in(call, gateway, call.connection)
        return
    if call.connection is not None and gateway.router.needs_body(request, signing_name):
        # The query protocol names its operation in the body.
        request.body = await call.connection.read_all(MOST_BODY_BYTES)
    call.route = gateway.router.match(request, signing_name)


def signing_name_of(call: Call) -> str | None:
    """Return the service that the credentials were made for, where they name one."""
    if isinstance(call.claim, sigv4.Claim):
        return call.claim.service
    return "s3" if isinstance(call.claim, (sigv2.LegacyClaim, PolicyClaim)) else None


def _read_credentials(call: Call, request: HttpRequest) -> None:
    authorization = request.headers.get("authorization", "")
    if authorization:
        if authorization.startswith("Bearer "):
            call.bearer_token = authorization.removeprefix("Bearer ").strip()
        else:
            call.claim = sigv4.read_claim(request)
            call.region = call.claim.region
    elif presigned.is_presigned(request.query_string):
        call.claim = presigned.read_claim(request)
        call.region = call.claim.region
    elif sigv2.is_presigned(request.query_string):
        call.claim = sigv2.read_claim(request)
