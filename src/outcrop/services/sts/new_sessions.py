"""What the operations that open sessions share: policies, tags, lifetimes, and the credentials they answer with."""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.identity.attached_policies import managed_document
from outcrop.identity.policy import PolicyError, PolicyKind, parse_policy
from outcrop.identity.sessions import PACKED_LIMIT_BYTES, Session
from outcrop.services.platform import Context
from outcrop.services.sts.errors import (
    MalformedPolicyDocument,
    PackedPolicyTooLarge,
    ValidationError,
)

_MOST_POLICY_ARNS = 10


def now_us(context: Context) -> int:
    """Return when the call came; a session begins in whole seconds, as conditions compare them."""
    return int(context.received_at.timestamp()) * 1_000_000


def session_policies(request: Mapping[str, Any], context: Context) -> tuple[str, tuple[str, ...]]:
    """Return the inline session policy ("" for none) and the ARNs of managed ones.

    Raises:
        MalformedPolicyDocument: the inline policy is not valid.
        ValidationError: there are too many ARNs, or one is not that of a managed policy.
    """
    policy = request.get("Policy", "")
    if policy:
        try:
            parse_policy(policy, PolicyKind.SESSION)
        except PolicyError as error:
            raise MalformedPolicyDocument(str(error)) from None
    arns = tuple(descriptor.get("arn", "") for descriptor in request.get("PolicyArns", ()))
    if len(arns) > _MOST_POLICY_ARNS:
        raise ValidationError(
            f"{len(arns)} managed session policies were given; a session takes {_MOST_POLICY_ARNS}."
        )
    with context.platform.database.read() as connection:
        for arn in arns:
            if managed_document(connection, arn) is None:
                raise ValidationError(f"Policy {arn} does not exist or is not attachable.")
    return policy, arns


def checked_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return session tags by key.

    Raises:
        ValidationError: two keys differ in case alone, or a key is AWS's own.
    """
    found = {tag["Key"]: tag["Value"] for tag in tags}
    if len({key.lower() for key in found}) < len(tags):
        raise ValidationError(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    for key in found:
        if key.lower().startswith("aws:"):
            raise ValidationError("aws: prefixed tag key names are not allowed for external use.")
    return found


def issue(session: Session, context: Context) -> dict[str, Any]:
    """Return the Credentials of a new session, and PackedPolicySize where it has policies or tags.

    Raises:
        PackedPolicyTooLarge: its policies and tags do not fit into a token.
    """
    answer: dict[str, Any] = {}
    if session.policy or session.policy_arns or session.tags:
        percent = -(-100 * session.packed_bytes // PACKED_LIMIT_BYTES)
        if percent > 100:
            raise PackedPolicyTooLarge(
                f"Packed policy and tags consume {percent}% of allotted space, please use smaller "
                "policy or fewer tags."
            )
        answer["PackedPolicySize"] = percent
    key = context.platform.directory.tokens.issue(session)
    answer["Credentials"] = {
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret_access_key,
        "SessionToken": key.session_token,
        "Expiration": session.expires_at,
    }
    return answer
