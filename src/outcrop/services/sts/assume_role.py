"""AssumeRole: credentials of a role, for whom the role's trust policy names.

Whether it does is decided before, by the gateway, like every permission.
"""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import Principal, operation
from outcrop.identity.directory import Role
from outcrop.identity.sessions import Session
from outcrop.services.platform import Context
from outcrop.services.sts import new_sessions
from outcrop.services.sts.errors import AccessDenied, ValidationError

_USUAL_SECONDS = 3600
_CHAINED_SECONDS = 3600


@operation("sts:AssumeRole")
def assume_role(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return temporary credentials of a role.

    Raises:
        AccessDenied: there is no such role, a second factor is named, or the source identity would change.
        ValidationError: the session would last too long, or its tags do not fit together.
        MalformedPolicyDocument: the session policy is not valid.
        PackedPolicyTooLarge: policies and tags do not fit into a token.
    """
    caller, arn = context.principal, request["RoleArn"]
    role = context.platform.directory.role(arn)
    if role is None:
        raise AccessDenied(
            f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        )
    if "SerialNumber" in request or "TokenCode" in request:
        raise AccessDenied(
            "MultiFactorAuthentication failed, unable to validate MFA code. Please verify your MFA "
            "serial number is valid and associated with this user."
        )
    tags, transitive = _tags(request, caller)
    policy, policy_arns = new_sessions.session_policies(request, context)
    issued_us = new_sessions.now_us(context)
    session = Session(
        kind="role",
        holder_id=role.id,
        issued_us=issued_us,
        expires_us=issued_us + _lifetime_seconds(request, role, caller) * 1_000_000,
        name=request["RoleSessionName"],
        policy=policy,
        policy_arns=policy_arns,
        tags=tags,
        transitive_tag_keys=transitive,
        source_identity=_source_identity(request, caller),
    )
    answer = new_sessions.issue(session, context)
    key_id = answer["Credentials"]["AccessKeyId"]
    assumed = context.platform.directory.role_session(role, session, key_id)
    answer["AssumedRoleUser"] = {"AssumedRoleId": assumed.principal_id, "Arn": assumed.arn}
    if session.source_identity:
        answer["SourceIdentity"] = session.source_identity
    return answer


def _lifetime_seconds(request: Mapping[str, Any], role: Role, caller: Principal) -> int:
    seconds = int(request.get("DurationSeconds", _USUAL_SECONDS))
    if seconds > role.max_session_seconds:
        raise ValidationError(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    if caller.type == "AssumedRole" and seconds > _CHAINED_SECONDS:
        raise ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining"
        )
    return seconds


def _tags(request: Mapping[str, Any], caller: Principal) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the session's tags with those that a chain hands on, and the keys that go on from here."""
    own = new_sessions.checked_tags(request.get("Tags", ()))
    wanted = tuple(request.get("TransitiveTagKeys", ()))
    lowered = {key.lower() for key in own}
    if missing := [key for key in wanted if key.lower() not in lowered]:
        raise ValidationError(
            f"The specified transitive tag key must be included in the requested tags: "
            f"{', '.join(missing)}."
        )
    inherited = {key: caller.tags[key] for key in caller.transitive_tag_keys if key in caller.tags}
    if any(key.lower() in lowered for key in inherited):
        raise ValidationError(
            "One of the specified transitive tag keys can't be set because it conflicts with a "
            "transitive tag key from the calling session."
        )
    return own | inherited, (*inherited, *wanted)


def _source_identity(request: Mapping[str, Any], caller: Principal) -> str:
    wanted = str(request.get("SourceIdentity", ""))
    if caller.source_identity and wanted not in {"", caller.source_identity}:
        raise AccessDenied(
            f"The source identity {caller.source_identity} of the calling session cannot be changed."
        )
    return caller.source_identity or wanted
