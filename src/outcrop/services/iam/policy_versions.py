"""Versions of managed policies: up to five, one of which is in force."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.identity.managed_policies import managed_policies
from outcrop.services.iam import descriptions
from outcrop.services.iam.documents import check_managed_policy, shown
from outcrop.services.iam.errors import DeleteConflict, LimitExceeded, NoSuchEntity
from outcrop.services.iam.managed_policies import require_own_policy, require_policy
from outcrop.services.iam.pages import page
from outcrop.services.platform import Context
from outcrop.storage.identities import Entity, entities, policies
from outcrop.storage.identities.policies import PolicyVersion

_MOST_VERSIONS = 5


@operation("iam:CreatePolicyVersion")
def create_policy_version(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add a version, which is in force at once where the request says so.

    Raises:
        NoSuchEntity: there is no such policy.
        MalformedPolicyDocument: the document is no identity-based policy.
        LimitExceeded: the policy has five versions, or the document is too long.
        AccessDenied: the policy is AWS's.
    """
    document = request["PolicyDocument"]
    with context.platform.directory.identities.write() as connection:
        policy = require_own_policy(connection, request["PolicyArn"])
        check_managed_policy(document)
        if len(policies.versions(connection, policy.id)) >= _MOST_VERSIONS:
            raise LimitExceeded(
                "A managed policy can have up to 5 versions. Before you create a new version, you "
                "must delete an existing version."
            )
        number = policy.detail["next_version"]
        version = PolicyVersion(number, document, descriptions.now_us(context))
        policies.add_version(connection, policy.id, version)
        detail = {**policy.detail, "next_version": number + 1, "updated_us": version.created_us}
        if request.get("SetAsDefault"):
            detail["default_version"] = number
        policy = replace(policy, detail=detail)
        entities.replace(connection, policy)
    return {"PolicyVersion": _describe(policy, version)}


@operation("iam:GetPolicyVersion")
def get_policy_version(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a version with its document.

    Raises:
        NoSuchEntity: there is no such policy or version.
    """
    arn, version_id = request["PolicyArn"], request["VersionId"]
    if (aws_policy := managed_policies().get(arn)) is not None:
        if version_id != aws_policy.version:
            raise _no_such_version(arn, version_id)
        return {
            "PolicyVersion": {
                "Document": shown(aws_policy.document),
                "VersionId": version_id,
                "IsDefaultVersion": True,
                "CreateDate": datetime.fromisoformat(aws_policy.created),
            }
        }
    with context.platform.database.read() as connection:
        policy = require_policy(connection, arn)
        version = _require_version(connection, policy, version_id)
    return {"PolicyVersion": {"Document": shown(version.document), **_describe(policy, version)}}


@operation("iam:ListPolicyVersions")
def list_policy_versions(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List a policy's versions, the newest first.

    Raises:
        NoSuchEntity: there is no such policy.
    """
    arn = request["PolicyArn"]
    if (aws_policy := managed_policies().get(arn)) is not None:
        created = datetime.fromisoformat(aws_policy.created)
        only = {"VersionId": aws_policy.version, "IsDefaultVersion": True, "CreateDate": created}
        return {"Versions": [only], "IsTruncated": False}
    with context.platform.database.read() as connection:
        policy = require_policy(connection, arn)
        found = policies.versions(connection, policy.id)
    # Later pages begin after a key in rising order, and numbers here fall.
    items, end = page(found, lambda version: f"{10**9 - version.number:010d}", request, context)
    return {"Versions": [_describe(policy, version) for version in items], **end}


@operation("iam:DeletePolicyVersion")
def delete_policy_version(request: Mapping[str, Any], context: Context) -> None:
    """Delete a version that is not in force.

    Raises:
        NoSuchEntity: there is no such policy or version.
        DeleteConflict: the version is in force.
        AccessDenied: the policy is AWS's.
    """
    with context.platform.directory.identities.write() as connection:
        policy = require_own_policy(connection, request["PolicyArn"])
        version = _require_version(connection, policy, request["VersionId"])
        if version.number == policy.detail["default_version"]:
            raise DeleteConflict("Cannot delete the default version of a policy.")
        policies.remove_version(connection, policy.id, version.number)


@operation("iam:SetDefaultPolicyVersion")
def set_default_policy_version(request: Mapping[str, Any], context: Context) -> None:
    """Put a version in force.

    Raises:
        NoSuchEntity: there is no such policy or version.
        AccessDenied: the policy is AWS's.
    """
    with context.platform.directory.identities.write() as connection:
        policy = require_own_policy(connection, request["PolicyArn"])
        version = _require_version(connection, policy, request["VersionId"])
        changes = {
            "default_version": version.number,
            "updated_us": descriptions.now_us(context),
        }
        entities.replace(connection, replace(policy, detail={**policy.detail, **changes}))


def _require_version(connection: Connection, policy: Entity, version_id: str) -> PolicyVersion:
    number = version_id.removeprefix("v")
    found = policies.version(connection, policy.id, int(number)) if number.isdecimal() else None
    if found is None:
        raise _no_such_version(policy.arn, version_id)
    return found


def _no_such_version(arn: str, version_id: str) -> NoSuchEntity:
    return NoSuchEntity(f"Policy {arn} version {version_id} does not exist or is not attachable.")


def _describe(policy: Entity, version: PolicyVersion) -> dict[str, Any]:
    return {
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": version.number == policy.detail["default_version"],
        "CreateDate": descriptions.from_us(version.created_us),
    }
