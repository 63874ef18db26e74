"""Managed policies: those of the account, and those of AWS, which nobody changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.identity.attached_policies import managed_document
from outcrop.identity.managed_policies import ManagedPolicy, managed_policies
from outcrop.services.iam import descriptions, new_entities
from outcrop.services.iam.documents import check_managed_policy
from outcrop.services.iam.errors import AccessDenied, DeleteConflict, NoSuchEntity
from outcrop.services.iam.pages import page
from outcrop.services.platform import Context
from outcrop.storage.identities import Entity, entities, policies
from outcrop.storage.identities.policies import PolicyVersion


@dataclass(frozen=True, slots=True)
class Usage:
    """How many entities each policy is attached to, and how many it bounds, by ARN."""

    attached: Mapping[str, int] = field(default_factory=dict)
    bounds: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: Connection) -> "Usage":
        """Count."""
        return cls(policies.attachment_counts(connection), policies.boundary_counts(connection))

    def members(self, arn: str) -> dict[str, Any]:
        """Return the counting members of a Policy."""
        return {
            "AttachmentCount": self.attached.get(arn, 0),
            "PermissionsBoundaryUsageCount": self.bounds.get(arn, 0),
            "IsAttachable": True,
        }


@operation("iam:CreatePolicy")
def create_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Create a managed policy, whose first version is v1.

    Raises:
        EntityAlreadyExists: the name is taken, whatever the case of its letters.
        MalformedPolicyDocument: the document is no identity-based policy.
        LimitExceeded: it is longer than 6,144 characters.
    """
    document = request["PolicyDocument"]
    check_managed_policy(document)
    created_us = descriptions.now_us(context)
    policy = new_entities.new_entity(
        "policy",
        request,
        context,
        {
            "description": request.get("Description", ""),
            "default_version": 1,
            "next_version": 2,
            "updated_us": created_us,
        },
    )
    with context.platform.directory.identities.write() as connection:
        new_entities.add(connection, policy, request, context)
        policies.add_version(connection, policy.id, PolicyVersion(1, document, created_us))
        return {"Policy": describe(policy, Usage()) | descriptions.tags(connection, policy)}


@operation("iam:GetPolicy")
def get_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Describe a managed policy.

    Raises:
        NoSuchEntity: there is no such policy.
    """
    arn = request["PolicyArn"]
    with context.platform.database.read() as connection:
        usage = Usage.read(connection)
        if (aws_policy := managed_policies().get(arn)) is not None:
            return {
                "Policy": describe_aws(aws_policy, usage)
                | {"Description": aws_policy.description, "Tags": []}
            }
        policy = require_policy(connection, arn)
        tags = descriptions.tag_list(entities.tags_of(connection, policy.id))
        detail: dict[str, Any] = {"Tags": tags}
        if policy.detail["description"]:
            detail["Description"] = policy.detail["description"]
        return {"Policy": describe(policy, usage) | detail}


@operation("iam:DeletePolicy")
def delete_policy(request: Mapping[str, Any], context: Context) -> None:
    """Delete a managed policy that nobody has and that has only its default version.

    Raises:
        NoSuchEntity: there is no such policy.
        DeleteConflict: it is attached, bounds somebody, or has further versions.
        AccessDenied: it is AWS's.
    """
    with context.platform.directory.identities.write() as connection:
        policy = require_own_policy(connection, request["PolicyArn"])
        if policies.holders(connection, policy.arn) or entities.bounded_by(connection, policy.arn):
            raise DeleteConflict("Cannot delete a policy attached to entities.")
        if len(policies.versions(connection, policy.id)) > 1:
            raise DeleteConflict(
                "This policy has more than one version. Before you delete a policy, you must delete "
                "the policy's versions. The default version is deleted with the policy."
            )
        entities.remove(connection, policy.id)


@operation("iam:ListPolicies")
def list_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List managed policies: the account's (Scope Local), AWS's (AWS), or both."""
    scope, prefix = request.get("Scope", "All"), request.get("PathPrefix", "/")
    with context.platform.database.read() as connection:
        usage = Usage.read(connection)
        found: list[dict[str, Any]] = []
        if scope != "AWS":
            most = entities.count(connection, "policy")
            own = entities.page(connection, "policy", prefix, "", most)
            found += [describe(policy, usage) for policy in own]
        if scope != "Local":
            found += [
                describe_aws(policy, usage)
                for policy in managed_policies().values()
                if policy.path.startswith(prefix)
            ]
    counts = _counted_members(request.get("PolicyUsageFilter"))
    if request.get("OnlyAttached") or "PolicyUsageFilter" in request:
        found = [policy for policy in found if any(policy[member] for member in counts)]
    items, end = page(found, lambda policy: policy["Arn"].lower(), request, context)
    return {"Policies": list(items), **end}


def _counted_members(usage_filter: str | None) -> tuple[str, ...]:
    if usage_filter == "PermissionsPolicy":
        return ("AttachmentCount",)
    if usage_filter == "PermissionsBoundary":
        return ("PermissionsBoundaryUsageCount",)
    return ("AttachmentCount", "PermissionsBoundaryUsageCount")


def describe(policy: Entity, usage: Usage) -> dict[str, Any]:
    """Return a Policy of the account as lists show it."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.detail['default_version']}",
        "CreateDate": descriptions.from_us(policy.created_us),
        "UpdateDate": descriptions.from_us(policy.detail["updated_us"]),
        **usage.members(policy.arn),
    }


def describe_aws(policy: ManagedPolicy, usage: Usage) -> dict[str, Any]:
    """Return a Policy of AWS as lists show it."""
    created = datetime.fromisoformat(policy.created)
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.version,
        "CreateDate": created,
        "UpdateDate": created,
        **usage.members(policy.arn),
    }


def require_policy(connection: Connection, arn: str) -> Entity:
    """Return a managed policy of the account.

    Raises:
        NoSuchEntity: there is none of this ARN.
    """
    policy = entities.by_arn(connection, arn)
    if policy is None or policy.kind != "policy":
        raise NoSuchEntity(f"Policy {arn} was not found.")
    return policy


def require_own_policy(connection: Connection, arn: str) -> Entity:
    """Return a managed policy that the account may change.

    Raises:
        NoSuchEntity: there is none of this ARN.
        AccessDenied: it is AWS's.
    """
    if arn in managed_policies():
        raise AccessDenied(f"Policy {arn} is outside your own account.")
    return require_policy(connection, arn)


def require_attachable(connection: Connection, arn: str) -> None:
    """Check that a managed policy, of the account or of AWS, can be attached.

    Raises:
        NoSuchEntity: there is none of this ARN.
    """
    if managed_document(connection, arn) is None:
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")


def only_name(arn: str) -> str:
    """Return the name in a policy's ARN, whose path may have several parts."""
    return arn.rsplit("/", 1)[-1]


def path_of(arn: str) -> str:
    """Return the path in a policy's ARN."""
    return arn.partition(":policy")[2].rpartition("/")[0] + "/"
