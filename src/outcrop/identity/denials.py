"""Refusals in AWS's words: who, what, on what, and which kind of policy is the reason.

Source: IAM User Guide, "Troubleshoot access denied error messages". The code and two details of the form differ
between services.
"""

from outcrop.aws.errors import AccessDeniedException, ServiceError
from outcrop.aws.operation import Principal
from outcrop.identity.permissions import Need
from outcrop.identity.policy import Decision

# The others call it AccessDeniedException.
_CODES = {
    "s3": "AccessDenied",
    "iam": "AccessDenied",
    "sts": "AccessDenied",
    "ses": "AccessDenied",
    "cloudwatch": "AccessDenied",
    "cloudformation": "AccessDenied",
    "sns": "AuthorizationError",
}
_QUOTING = frozenset({"s3"})


def denial(service: str, need: Need, decision: Decision, principal: Principal) -> ServiceError:
    """Return the error that tells a caller of what they may not do.

    Args:
        service: botocore's name of the service that was called; its code is used.
        need: what was refused; its action may be of another service (iam:PassRole, kms:Decrypt).
        decision: why.
        principal: who called.
    """
    if principal.type == "Anonymous":
        return _coded(service, "Access Denied")  # nobody is told nothing about policies
    resource = ""
    if need.resource != "*":
        quoted = f'"{need.resource}"' if service in _QUOTING else need.resource
        resource = f" on resource: {quoted}"
    return _coded(
        service,
        f"User: {principal.arn} is not authorized to perform: {need.action}{resource} "
        f"{decision.reason_phrase}",
    )


def not_permitted_to_anyone(service: str, operation: str, principal: Principal) -> ServiceError:
    """Return the error for an operation that only the account root may call."""
    if principal.type == "Anonymous":
        return _coded(service, "Access Denied")
    action = f"{service.removesuffix('-runtime')}:{operation}"
    return _coded(
        service,
        f"User: {principal.arn} is not authorized to perform: {action} because no identity-based policy "
        f"allows the {action} action",
    )


def code_of(service: str) -> str:
    """Return a service's name for "access denied"."""
    return _CODES.get(service, AccessDeniedException.code)


def _coded(service: str, message: str) -> ServiceError:
    error = AccessDeniedException(message)
    error.code = code_of(service)
    return error
