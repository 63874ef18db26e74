"""Condition keys that hold for every request: of the call, of the caller, of the resource.

Source: IAM User Guide, "AWS global condition context keys". A key that a request does not have is left out, since
conditions tell absent from empty. All keys are in lower case, as conditions do not care.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from outcrop.aws.operation import Principal
from outcrop.identity.permissions import ConditionValues, ResourceFacts

Context = dict[str, ConditionValues]

# Their endpoints lie in one region, whatever the client is set to.
_GLOBAL_SERVICES = frozenset({"iam", "organizations", "route53", "cloudfront"})
_GLOBAL_REGION = "us-east-1"


@dataclass(slots=True)
class Circumstances:
    """Of a call, what conditions may ask for.

    Attributes:
        service: botocore's name of the service that is called.
        client_ip: "" for calls made in this process.
        is_secure: whether the call came over TLS or never left this process.
        headers: lower-case names.
        more: gives the keys that only the called service has for every request, in lower case, such as s3:authtype;
            asked where a policy has to be looked at.
    """

    service: str
    region: str
    received_at: datetime
    client_ip: str = ""
    is_secure: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Callable[[], Mapping[str, str]] = dict


def request_keys(call: Circumstances, principal: Principal) -> Context:
    """Return the keys of a call and its caller."""
    via = principal.via
    seconds = int(call.received_at.timestamp())
    context: Context = {
        "aws:currenttime": _iso(seconds),
        "aws:epochtime": str(seconds),
        "aws:securetransport": "true" if call.is_secure else "false",
        "aws:requestedregion": (
            _GLOBAL_REGION if call.service in _GLOBAL_SERVICES else call.region
        ),
        "aws:viaawsservice": "true" if via else "false",
        "aws:principaltype": principal.type,
        "aws:principalisawsservice": "true" if principal.type == "AWSService" else "false",
    }
    if via:
        service = f"{via}.amazonaws.com"
        context["aws:calledvia"] = (service,)
        context["aws:calledviafirst"] = service
        context["aws:calledvialast"] = service
    elif call.client_ip:
        # A service that calls on somebody's behalf does so from an address of its own.
        context["aws:sourceip"] = call.client_ip
    headers = call.headers
    if agent := headers.get("user-agent"):
        context["aws:useragent"] = agent
    if referer := headers.get("referer"):
        context["aws:referer"] = referer
    context.update(call.more())
    _add_principal(context, principal, seconds)
    return context


def _add_principal(context: Context, principal: Principal, seconds: int) -> None:
    kind = principal.type
    if kind == "Anonymous":
        context["aws:userid"] = "anonymous"
        return
    if kind == "AWSService":
        context["aws:principalservicename"] = principal.arn
        context["aws:principalservicenameslist"] = (principal.arn,)
        if principal.source_arn:
            context["aws:sourcearn"] = principal.source_arn
        if principal.source_account:
            context["aws:sourceaccount"] = principal.source_account
        return
    arn = principal.arn
    context["aws:principalarn"] = principal.role_arn or arn
    context["aws:principalaccount"] = principal.account_id
    context["aws:userid"] = principal.principal_id or principal.account_id
    if kind == "User":
        context["aws:username"] = arn.rsplit("/", 1)[-1]
    for key, value in principal.tags.items():
        context[f"aws:principaltag/{key.lower()}"] = value
    if principal.source_identity:
        context["aws:sourceidentity"] = principal.source_identity
    issued_at = principal.session_issued_at
    if issued_at is not None:
        # Long-term keys have none of these three, so that "Null" can tell them from sessions.
        issued = int(issued_at.timestamp())
        context["aws:tokenissuetime"] = _iso(issued)
        context["aws:multifactorauthpresent"] = "true" if principal.has_mfa else "false"
        if principal.has_mfa:
            context["aws:multifactorauthage"] = str(seconds - issued)


def add_resource_keys(context: Context, arn: str, facts: ResourceFacts, account_id: str) -> None:
    """Add the keys of a resource.

    Args:
        context: what is added to.
        arn: of the resource, or "*".
        facts: about it.
        account_id: of this installation, which owns what an ARN without an account (S3's) names.
    """
    if arn != "*":
        parts = arn.split(":", 5)
        owner = parts[4] if len(parts) == 6 else ""
        if owner or (len(parts) == 6 and parts[2] == "s3"):
            context["aws:resourceaccount"] = owner or account_id
    if facts.context:
        add_lowered(context, facts.context)
    for key, value in facts.tags.items():
        context[f"aws:resourcetag/{key.lower()}"] = value


def add_lowered(context: Context, keys: Mapping[str, ConditionValues]) -> None:
    """Add keys as they come from rules and services: spelled as AWS spells them."""
    for key, value in keys.items():
        context[key.lower()] = value if value.__class__ is str else tuple(value)


@lru_cache(256)
def _iso(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
