"""Who made a call, in CloudTrail's words."""

import re
from typing import Any

from outcrop.aws.operation import Principal
from outcrop.governance.audit.layout import time_text

# Capitals and digits only: people paste secrets in the place of key ids, and those have small letters.
_ACCESS_KEY_ID = re.compile(r"[A-Z][A-Z0-9]{11,127}\Z")


def user_identity(principal: Principal, invoked_by: str = "") -> dict[str, Any]:
    """Return a record's userIdentity.

    Args:
        principal: authenticated.
        invoked_by: which service made the call for the principal; "" for calls over the network.
    """
    if principal.type == "Anonymous":
        identity: dict[str, Any] = {
            "type": "AWSAccount",
            "principalId": "",
            "accountId": "ANONYMOUS_PRINCIPAL",
        }
    elif principal.type == "AWSService":
        identity = {"type": "AWSService", "invokedBy": inner_caller(principal)}
    else:
        identity = {
            "type": _TYPES[principal.type],
            "principalId": principal.principal_id or principal.account_id,
            "arn": principal.arn,
            "accountId": principal.account_id,
            "accessKeyId": principal.access_key_id,
        }
        if principal.type == "User":
            identity["userName"] = principal.arn.rpartition("/")[2]
        session = _session_context(principal)
        if session:
            identity["sessionContext"] = session
    if invoked_by:
        identity["invokedBy"] = invoked_by
    return identity


_TYPES = {
    "Account": "Root",
    "User": "IAMUser",
    "AssumedRole": "AssumedRole",
    "FederatedUser": "FederatedUser",
}


def _session_context(principal: Principal) -> dict[str, Any]:
    session: dict[str, Any] = {}
    if principal.type == "AssumedRole":
        # The role's own id stands before the colon of the session's.
        role_id = principal.principal_id.partition(":")[0]
        role_arn = principal.role_arn or _role_of(principal.arn)
        session["sessionIssuer"] = {
            "type": "Role",
            "principalId": role_id,
            "arn": role_arn,
            "accountId": principal.account_id,
            "userName": role_arn.rpartition("/")[2],
        }
    if principal.session_issued_at is not None:
        session["attributes"] = {
            "creationDate": time_text(principal.session_issued_at),
            "mfaAuthenticated": "true" if principal.has_mfa else "false",
        }
    if principal.source_identity:
        session["sourceIdentity"] = principal.source_identity
    return session


def _role_of(session_arn: str) -> str:
    """Return the role of a session's ARN (arn:aws:sts::1:assumed-role/name/session)."""
    head, _, rest = session_arn.partition(":assumed-role/")
    return f"{head.replace(':sts:', ':iam:')}:role/{rest.partition('/')[0]}"


def inner_caller(principal: Principal) -> str:
    """Return how records name the service that makes a call of this process for a principal."""
    service = principal.via or (principal.arn if principal.type == "AWSService" else "")
    if not service:
        return "AWS Internal"
    return service if service.endswith(".amazonaws.com") else f"{service}.amazonaws.com"


def unknown_identity(claimed_key_id: str, account_id: str) -> dict[str, Any]:
    """Return the userIdentity of a caller who was not authenticated.

    Args:
        claimed_key_id: what the request named; shown only if it has the form of one.
        account_id: whose endpoint was called.
    """
    identity = {"type": "Unknown", "principalId": "", "accountId": account_id}
    if _ACCESS_KEY_ID.match(claimed_key_id):
        identity["accessKeyId"] = claimed_key_id
    return identity


def user_name(identity: dict[str, Any]) -> str:
    """Return what LookupEvents calls a record's Username."""
    if identity.get("type") == "Root":
        return "root"
    if identity.get("userName"):
        return str(identity["userName"])
    if identity.get("type") == "AssumedRole":
        return str(identity.get("arn", "")).rpartition("/")[2]
    if identity.get("type") == "FederatedUser":
        return str(identity.get("arn", "")).rpartition("/")[2]
    return str(identity.get("invokedBy", ""))
