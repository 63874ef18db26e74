"""Which managed policies users, groups and roles have."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.governance import quota_catalogue
from outcrop.identity.attached_policies import managed_document
from outcrop.services.iam import finding
from outcrop.services.iam.errors import LimitExceeded, NoSuchEntity
from outcrop.services.iam.managed_policies import (
    only_name,
    path_of,
    require_attachable,
    require_policy,
)
from outcrop.services.iam.pages import page
from outcrop.services.platform import Context
from outcrop.storage.identities import Entity, EntityKind, entities, policies

_QUOTAS: Mapping[EntityKind, quota_catalogue.Quota] = {
    "user": quota_catalogue.POLICIES_PER_USER,
    "group": quota_catalogue.POLICIES_PER_GROUP,
    "role": quota_catalogue.POLICIES_PER_ROLE,
}


@operation("iam:AttachUserPolicy")
def attach_user_policy(request: Mapping[str, Any], context: Context) -> None:
    """Attach a managed policy to a user; attaching it again changes nothing.

    Raises:
        NoSuchEntity: there is no such user or policy.
        LimitExceeded: the user has ten policies.
    """
    _attach("user", request, context)


@operation("iam:AttachGroupPolicy")
def attach_group_policy(request: Mapping[str, Any], context: Context) -> None:
    """Attach a managed policy to a group; attaching it again changes nothing.

    Raises:
        NoSuchEntity: there is no such group or policy.
        LimitExceeded: the group has ten policies.
    """
    _attach("group", request, context)


@operation("iam:AttachRolePolicy")
def attach_role_policy(request: Mapping[str, Any], context: Context) -> None:
    """Attach a managed policy to a role; attaching it again changes nothing.

    Raises:
        NoSuchEntity: there is no such role or policy.
        LimitExceeded: the role has ten policies.
        UnmodifiableEntity: it is a service-linked role.
    """
    _attach("role", request, context)


@operation("iam:DetachUserPolicy")
def detach_user_policy(request: Mapping[str, Any], context: Context) -> None:
    """Detach a managed policy from a user.

    Raises:
        NoSuchEntity: there is no such user, or the policy is not attached.
    """
    _detach("user", request, context)


@operation("iam:DetachGroupPolicy")
def detach_group_policy(request: Mapping[str, Any], context: Context) -> None:
    """Detach a managed policy from a group.

    Raises:
        NoSuchEntity: there is no such group, or the policy is not attached.
    """
    _detach("group", request, context)


@operation("iam:DetachRolePolicy")
def detach_role_policy(request: Mapping[str, Any], context: Context) -> None:
    """Detach a managed policy from a role.

    Raises:
        NoSuchEntity: there is no such role, or the policy is not attached.
        UnmodifiableEntity: it is a service-linked role.
    """
    _detach("role", request, context)


@operation("iam:ListAttachedUserPolicies")
def list_attached_user_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the managed policies of a user.

    Raises:
        NoSuchEntity: there is no such user.
    """
    return _list("user", request, context)


@operation("iam:ListAttachedGroupPolicies")
def list_attached_group_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the managed policies of a group.

    Raises:
        NoSuchEntity: there is no such group.
    """
    return _list("group", request, context)


@operation("iam:ListAttachedRolePolicies")
def list_attached_role_policies(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the managed policies of a role.

    Raises:
        NoSuchEntity: there is no such role.
    """
    return _list("role", request, context)


@operation("iam:ListEntitiesForPolicy")
def list_entities_for_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the users, groups and roles that have a managed policy attached or are bounded by it.

    Raises:
        NoSuchEntity: there is no such policy.
    """
    arn, usage = request["PolicyArn"], request.get("PolicyUsageFilter")
    kinds = {"User": ("user",), "Group": ("group",), "Role": ("role",)}.get(
        request.get("EntityFilter", ""), ("user", "group", "role")
    )
    with context.platform.database.read() as connection:
        if managed_document(connection, arn) is None:
            require_policy(connection, arn)
        found: dict[str, Entity] = {}
        if usage != "PermissionsBoundary":
            found |= {holder.id: holder for holder in policies.holders(connection, arn)}
        if usage != "PermissionsPolicy":
            found |= {bounded.id: bounded for bounded in entities.bounded_by(connection, arn)}
    chosen = [
        entity
        for entity in found.values()
        if entity.kind in kinds and entity.path.startswith(request.get("PathPrefix", "/"))
    ]
    items, end = page(
        chosen, lambda entity: f"{entity.kind}/{entity.name.lower()}", request, context
    )
    return {
        "PolicyUsers": [
            {"UserName": item.name, "UserId": item.id} for item in items if item.kind == "user"
        ],
        "PolicyGroups": [
            {"GroupName": item.name, "GroupId": item.id} for item in items if item.kind == "group"
        ],
        "PolicyRoles": [
            {"RoleName": item.name, "RoleId": item.id} for item in items if item.kind == "role"
        ],
        **end,
    }


def _attach(kind: EntityKind, request: Mapping[str, Any], context: Context) -> None:
    arn = request["PolicyArn"]
    with context.platform.directory.identities.write() as connection:
        owner = finding.require_changeable(connection, kind, request[finding.NAME_MEMBERS[kind]])
        require_attachable(connection, arn)
        others = [other for other in policies.attached(connection, owner.id) if other != arn]
        quota = _QUOTAS[kind]
        most = int(context.platform.quotas.value(quota.service, quota.code))
        if len(others) >= most:
            raise LimitExceeded(f"Cannot exceed quota for PoliciesPer{kind.title()}: {most}")
        policies.attach(connection, owner.id, arn)


def _detach(kind: EntityKind, request: Mapping[str, Any], context: Context) -> None:
    arn = request["PolicyArn"]
    with context.platform.directory.identities.write() as connection:
        owner = finding.require_changeable(connection, kind, request[finding.NAME_MEMBERS[kind]])
        if not policies.detach(connection, owner.id, arn):
            raise NoSuchEntity(f"Policy {arn} was not found.")


def _list(kind: EntityKind, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    with context.platform.database.read() as connection:
        owner = finding.require(connection, kind, request[finding.NAME_MEMBERS[kind]])
        arns = policies.attached(connection, owner.id)
    chosen = [arn for arn in arns if path_of(arn).startswith(request.get("PathPrefix", "/"))]
    items, end = page(chosen, str, request, context)
    return {
        "AttachedPolicies": [{"PolicyName": only_name(arn), "PolicyArn": arn} for arn in items],
        **end,
    }
