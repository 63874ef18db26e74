"""Resource policies: which services may write into groups; of the whole account, or of one group."""

import uuid
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.identity.policy import PolicyError, PolicyKind, parse_policy
from outcrop.services.logs import pages
from outcrop.services.logs.errors import (
    InvalidParameterException,
    LimitExceededException,
    OperationAbortedException,
    ResourceNotFoundException,
)
from outcrop.services.logs.naming import group_arn, name_of, require_group
from outcrop.services.platform import Context
from outcrop.storage.logs import policies, rows

_MOST_POLICIES = 10
_LARGEST_ACCOUNT_POLICY = 5120


@operation("logs:PutResourcePolicy")
def put_resource_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Set a policy of the account by its name, or the policy of one group.

    Raises:
        InvalidParameterException: it is no policy, or names neither a policy nor a group.
        LimitExceededException: the account has ten.
        OperationAbortedException: the group's policy is not the revision that was expected.
    """
    document = request.get("policyDocument", "")
    _check_document(document)
    now = now_us(context.platform.clock)
    arn = request.get("resourceArn")
    if arn:
        name = name_of(arn)
        with context.platform.database.write(durable=True) as connection:
            group = require_group(connection, name, context)
            _check_revision(request, group.policy, group.policy_changed_us)
            rows.update_group(connection, group.id, policy=document, policy_changed_us=now)
        revision = _revision(document, now)
        policy = _of_group(group_arn(context.region, context.account_id, name), document, now)
        return {"resourcePolicy": policy, "revisionId": revision}
    name = request.get("policyName", "")
    if not name:
        raise InvalidParameterException(
            "Name the policy by policyName, or a log group by resourceArn."
        )
    if len(document) > _LARGEST_ACCOUNT_POLICY:
        raise InvalidParameterException(
            f"The policy document has {len(document)} characters: it may have {_LARGEST_ACCOUNT_POLICY}."
        )
    with context.platform.database.write(durable=True) as connection:
        present = policies.of_region(connection, context.region)
        if name not in present and len(present) >= _MOST_POLICIES:
            raise LimitExceededException("Resource limit exceeded.")
        policies.put(connection, context.region, name, document, now)
    return {"resourcePolicy": _of_account(name, document, now)}


@operation("logs:DescribeResourcePolicies")
def describe_resource_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a page of the account's policies, or the policy of one group.

    Raises:
        ResourceNotFoundException: no such group.
        InvalidParameterException: a token of another listing.
    """
    reader = context.platform.database.reader
    if request.get("resourceArn"):
        group = require_group(reader, name_of(request["resourceArn"]), context)
        if group.policy is None or group.policy_changed_us is None:
            return {"resourcePolicies": []}
        arn = group_arn(context.region, context.account_id, group.name)
        return {"resourcePolicies": [_of_group(arn, group.policy, group.policy_changed_us)]}
    if request.get("policyScope") == "RESOURCE":
        found = [
            (
                group.name,
                _of_group(
                    group_arn(context.region, context.account_id, group.name),
                    group.policy,
                    group.policy_changed_us or 0,
                ),
            )
            for group in rows.groups(reader, context.region)
            if group.policy is not None
        ]
    else:
        found = [
            (name, _of_account(name, document, changed))
            for name, (document, changed) in policies.of_region(reader, context.region).items()
        ]
    names = [name for name, _ in found]
    page, following = pages.cut([shown for _, shown in found], names, request, context)
    return {"resourcePolicies": page, **following}


@operation("logs:DeleteResourcePolicy")
def delete_resource_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Remove a policy of the account, or the policy of one group.

    Raises:
        ResourceNotFoundException: there is none.
        OperationAbortedException: the group's policy is not the revision that was expected.
    """
    with context.platform.database.write(durable=True) as connection:
        if request.get("resourceArn"):
            group = require_group(connection, name_of(request["resourceArn"]), context)
            if group.policy is None:
                raise ResourceNotFoundException(
                    f"Policy for resource [{request['resourceArn']}] does not exist."
                )
            _check_revision(request, group.policy, group.policy_changed_us)
            rows.update_group(connection, group.id, policy=None, policy_changed_us=None)
            return {}
        name = request.get("policyName", "")
        if name not in policies.of_region(connection, context.region):
            raise ResourceNotFoundException(f"Policy with name [{name}] does not exist.")
        policies.remove(connection, context.region, name)
    return {}


def _check_document(document: str) -> None:
    try:
        parse_policy(document, PolicyKind.RESOURCE)
    except PolicyError as error:
        raise InvalidParameterException(
            f"The policyDocument is not a valid policy document: {error}"
        ) from error


def _check_revision(
    request: Mapping[str, Any], document: str | None, changed_us: int | None
) -> None:
    expected = request.get("expectedRevisionId")
    if expected and (document is None or expected != _revision(document, changed_us or 0)):
        raise OperationAbortedException(
            f"The policy's revision is not the expected {expected}: describe it, and try again."
        )


def _revision(document: str, changed_us: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{changed_us}/{document}"))


def _of_account(name: str, document: str, changed_us: int) -> dict[str, Any]:
    return {
        "policyName": name,
        "policyDocument": document,
        "lastUpdatedTime": changed_us // 1000,
        "policyScope": "ACCOUNT",
    }


def _of_group(arn: str, document: str, changed_us: int) -> dict[str, Any]:
    return {
        "policyDocument": document,
        "lastUpdatedTime": changed_us // 1000,
        "policyScope": "RESOURCE",
        "resourceArn": arn,
        "revisionId": _revision(document, changed_us),
    }
