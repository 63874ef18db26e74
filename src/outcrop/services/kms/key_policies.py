"""Key policies: read, replace, and checked so that nobody locks himself out unawares."""

import json
from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import operation
from outcrop.identity.policy import (
    Caller,
    Policies,
    Policy,
    PolicyError,
    PolicyKind,
    Request,
    ResourcePolicyMode,
    decide,
    parse_policy,
)
from outcrop.identity.principal_ids import named_identities, named_unique_ids
from outcrop.identity.request_context import Circumstances, request_keys
from outcrop.services.kms.errors import (
    LimitExceededException,
    MalformedPolicyDocumentException,
    NotFoundException,
)
from outcrop.services.kms.identifiers import find_by_id, key_arn
from outcrop.services.kms.pages import page
from outcrop.services.kms.states import require_customer_key
from outcrop.services.platform import Context
from outcrop.storage.identities import entities
from outcrop.storage.kms_keys import keys

_DEFAULT = "default"
_MOST_BYTES = 32 * 1024


@operation("kms:GetKeyPolicy")
def get_key_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the policy of a key as it was written.

    Raises:
        NotFoundException: no such key, or a policy name other than "default".
    """
    with context.platform.database.read() as connection:
        row = find_by_id(connection, request["KeyId"], context)
    if request.get("PolicyName", _DEFAULT) != _DEFAULT:
        raise NotFoundException(f"No such policy exists: a key has the policy {_DEFAULT!r} only")
    return {"Policy": row.policy, "PolicyName": _DEFAULT}


@operation("kms:PutKeyPolicy")
def put_key_policy(request: Mapping[str, Any], context: Context) -> None:
    """Replace the policy of a key; it holds from the next call on.

    Raises:
        NotFoundException: no such key.
        MalformedPolicyDocumentException: no valid policy, or one that would not let the caller change it again.
        LimitExceededException: more than 32 KiB.
    """
    name = request.get("PolicyName", _DEFAULT)
    if name != _DEFAULT:
        raise ValidationException(f"The policy of a key is named {_DEFAULT!r}, not {name!r}")
    with context.platform.database.write(durable=True) as connection:
        row = find_by_id(connection, request["KeyId"], context)
        require_customer_key(row)
        checked_policy(
            request["Policy"],
            row.id,
            context,
            is_bypassed=request.get("BypassPolicyLockoutSafetyCheck", False),
        )
        keys.change(connection, row.id, policy=request["Policy"])


@operation("kms:ListKeyPolicies")
def list_key_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the policies of a key: "default".

    Raises:
        NotFoundException: no such key.
    """
    with context.platform.database.read() as connection:
        find_by_id(connection, request["KeyId"], context)
    return page("PolicyNames", [_DEFAULT], "", context)


def checked_policy(text: str, key_id: str, context: Context, *, is_bypassed: bool) -> Policy:
    """Return a key policy that may be stored.

    Args:
        key_id: of the key that is to have it, which need not exist yet.
        is_bypassed: whether the caller may lock himself out.

    Raises:
        MalformedPolicyDocumentException: no valid policy, one that names nobody, or that locks the caller out.
        LimitExceededException: more than 32 KiB.
    """
    if len(text.encode()) > _MOST_BYTES:
        raise LimitExceededException(
            f"A key policy can have {_MOST_BYTES} bytes; this one has {len(text.encode())}"
        )
    try:
        policy = parse_policy(text, PolicyKind.RESOURCE)
    except PolicyError as error:
        raise MalformedPolicyDocumentException(str(error)) from None
    _require_known_principals(json.loads(text), context)
    if not is_bypassed and not _lets_caller_change_it(policy, key_id, context):
        raise MalformedPolicyDocumentException(
            "The new key policy will not allow you to update the key policy in the future."
        )
    return policy


def _require_known_principals(document: Mapping[str, Any], context: Context) -> None:
    directory = context.platform.directory
    with directory.identities.database.read() as connection:
        unknown = [
            arn
            for arn in named_identities(document, context.account_id)
            if entities.by_arn(connection, arn) is None
        ]
        unknown += [
            unique_id
            for unique_id in named_unique_ids(document)
            if entities.by_id(connection, unique_id) is None
        ]
    if unknown:
        raise MalformedPolicyDocumentException(
            "Policy contains a statement with one or more invalid principals: "
            f"there is no {', '.join(sorted(unknown))}"
        )


def _lets_caller_change_it(policy: Policy, key_id: str, context: Context) -> bool:
    """Whether the caller may put a policy on the key once this one is there (its grants do not count)."""
    principal = context.principal
    own = context.platform.directory.policies_of(principal)
    circumstances = Circumstances(
        "kms", context.region, context.received_at, headers=context.headers
    )
    keys_of_request = {
        **request_keys(circumstances, principal),
        "kms:CallerAccount": principal.account_id,
        "kms:PolicyName": _DEFAULT,
        "kms:BypassPolicyLockoutSafetyCheck": "false",
    }
    request = Request(
        "kms:PutKeyPolicy",
        key_arn(context.region, context.account_id, key_id),
        Caller(
            principal.type,
            principal.arn,
            principal.account_id,
            issuer_arn=principal.role_arn,
        ),
        keys_of_request,
    )
    sessions = tuple(parse_policy(text, PolicyKind.SESSION) for text in principal.session_policies)
    policies = Policies(own.identity, own.boundary, sessions, policy, ResourcePolicyMode.KEY)
    return decide(request, policies).allowed
