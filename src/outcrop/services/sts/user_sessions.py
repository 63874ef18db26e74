"""GetSessionToken and GetFederationToken: temporary credentials of a user or the account's root."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import Principal, operation
from outcrop.identity.sessions import Session
from outcrop.services.platform import Context
from outcrop.services.sts import new_sessions
from outcrop.services.sts.errors import AccessDenied

_USUAL_SECONDS = 12 * 3600
_ROOT_SECONDS = 3600


@operation("sts:GetSessionToken")
def get_session_token(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return temporary credentials of the caller, with the same permissions except in IAM.

    Raises:
        AccessDenied: the caller is itself a session, or names a second factor.
    """
    caller = context.principal
    _require_long_term(caller, "GetSessionToken")
    if "SerialNumber" in request or "TokenCode" in request:
        raise AccessDenied(
            "MultiFactorAuthentication failed, unable to validate MFA code. Please verify your MFA "
            "serial number is valid and associated with this user."
        )
    issued_us = new_sessions.now_us(context)
    session = Session(
        kind="root" if caller.is_root else "user",
        holder_id="" if caller.is_root else caller.principal_id,
        issued_us=issued_us,
        expires_us=issued_us + _lifetime_seconds(request, caller) * 1_000_000,
    )
    return new_sessions.issue(session, context)


@operation("sts:GetFederationToken")
def get_federation_token(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return temporary credentials of a federated user: what both the caller and the session policies allow.

    Raises:
        AccessDenied: the caller is itself a session.
        MalformedPolicyDocument: the session policy is not valid.
        PackedPolicyTooLarge: policies and tags do not fit into a token.
    """
    caller, name = context.principal, request["Name"]
    _require_long_term(caller, "GetFederationToken")
    policy, policy_arns = new_sessions.session_policies(request, context)
    issued_us = new_sessions.now_us(context)
    session = Session(
        kind="federated",
        holder_id="" if caller.is_root else caller.principal_id,
        issued_us=issued_us,
        expires_us=issued_us + _lifetime_seconds(request, caller) * 1_000_000,
        name=name,
        policy=policy,
        policy_arns=policy_arns,
        tags=new_sessions.checked_tags(request.get("Tags", ())),
    )
    account_id = context.account_id
    user = {
        "FederatedUserId": f"{account_id}:{name}",
        "Arn": f"arn:aws:sts::{account_id}:federated-user/{name}",
    }
    return {**new_sessions.issue(session, context), "FederatedUser": user}


def _require_long_term(caller: Principal, operation_name: str) -> None:
    if caller.type not in {"Account", "User"} or caller.session_issued_at is not None:
        raise AccessDenied(f"Cannot call {operation_name} with session credentials")


def _lifetime_seconds(request: Mapping[str, Any], caller: Principal) -> int:
    seconds = int(request.get("DurationSeconds", _USUAL_SECONDS))
    # AWS: what the root asks for beyond an hour is shortened without a word.
    return min(seconds, _ROOT_SECONDS) if caller.is_root else seconds
