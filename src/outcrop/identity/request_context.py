"""Condition keys that hold for every request: of the call, of the caller, of the resource.

Source: IAM User Guide, "AWS global condition context keys". A key that a request does not have is left out, since
conditions tell absent from empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from outcrop.aws.operation import Principal
from outcrop.identity.permissions import ConditionValues, ResourceFacts

Context = dict[str, ConditionValues]

# Their endpoints lie in one region, whatever the client is set to.
_GLOBAL_SERVICES = frozenset({"iam", "organizations", "route53", "cloudfront"})
_GLOBAL_REGION = "us-east-1"
_TRUTH = {True: "true", False: "false"}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Of a call, what conditions may ask for.

    Attributes:
        service: botocore's name of the service that is called.
        client_ip: "" for calls made in this process.
        is_secure: whether the call came over TLS or never left this process.
        headers: lower-case names.
    """

    service: str
    region: str
    received_at: datetime
    client_ip: str = ""
    is_secure: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


def request_keys(call: Circumstances, principal: Principal) -> Context:
    """Return the keys of a call and its caller."""
    moment = call.received_at
    via = principal.via
    context: Context = {
        "aws:CurrentTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "aws:EpochTime": str(int(moment.timestamp())),
        "aws:SecureTransport": _TRUTH[call.is_secure],
        "aws:RequestedRegion": (
            _GLOBAL_REGION if call.service in _GLOBAL_SERVICES else call.region
        ),
        "aws:ViaAWSService": "true" if via else "false",
        "aws:PrincipalType": principal.type,
        "aws:PrincipalIsAWSService": "true" if principal.type == "AWSService" else "false",
    }
    if via:
        service = f"{via}.amazonaws.com"
        context["aws:CalledVia"] = (service,)
        context["aws:CalledViaFirst"] = service
        context["aws:CalledViaLast"] = service
    elif call.client_ip:
        # A service that calls on somebody's behalf does so from an address of its own.
        context["aws:SourceIp"] = call.client_ip
    headers = call.headers
    if agent := headers.get("user-agent"):
        context["aws:UserAgent"] = agent
    if referer := headers.get("referer"):
        context["aws:Referer"] = referer
    _add_principal(context, principal, moment)
    return context


def _add_principal(context: Context, principal: Principal, moment: datetime) -> None:
    kind = principal.type
    if kind == "Anonymous":
        context["aws:userid"] = "anonymous"
        return
    if kind == "AWSService":
        context["aws:PrincipalServiceName"] = principal.arn
        context["aws:PrincipalServiceNamesList"] = (principal.arn,)
        return
    arn = principal.arn
    context["aws:PrincipalArn"] = principal.role_arn or arn
    context["aws:PrincipalAccount"] = principal.account_id
    context["aws:userid"] = principal.principal_id or principal.account_id
    if kind == "User":
        context["aws:username"] = arn.rsplit("/", 1)[-1]
    for key, value in principal.tags.items():
        context[f"aws:PrincipalTag/{key}"] = value
    if principal.source_identity:
        context["aws:SourceIdentity"] = principal.source_identity
    issued_at = principal.session_issued_at
    if issued_at is not None:
        # Long-term keys have none of these three, so that "Null" can tell them from sessions.
        context["aws:TokenIssueTime"] = f"{issued_at:%Y-%m-%dT%H:%M:%SZ}"
        context["aws:MultiFactorAuthPresent"] = _TRUTH[principal.has_mfa]
        if principal.has_mfa:
            age_seconds = int((moment - issued_at).total_seconds())
            context["aws:MultiFactorAuthAge"] = str(age_seconds)


def resource_keys(arn: str, facts: ResourceFacts, account_id: str) -> Context:
    """Return the keys of a resource.

    Args:
        account_id: of this installation, which owns what an ARN without an account (S3's) names.
    """
    context: Context = dict(facts.context)
    for key, value in facts.tags.items():
        context[f"aws:ResourceTag/{key}"] = value
    if arn != "*":
        parts = arn.split(":", 5)
        owner = parts[4] if len(parts) == 6 else ""
        if owner or (len(parts) == 6 and parts[2] == "s3"):
            context["aws:ResourceAccount"] = owner or account_id
    return context
