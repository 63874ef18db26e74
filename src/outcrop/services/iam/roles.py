"""Roles and their trust policies."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.iam import descriptions, finding, new_entities
from outcrop.services.iam.documents import check_trust_policy
from outcrop.services.iam.errors import DeleteConflict, InvalidInput
from outcrop.services.iam.pages import limit_of, page_end, start_of
from outcrop.services.platform import Context
from outcrop.storage.identities import entities, members, policies

_USUAL_SESSION_SECONDS = 3600


@operation("iam:CreateRole")
def create_role(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Create a role that whoever its trust policy names may assume.

    Raises:
        EntityAlreadyExists: the name is taken, whatever the case of its letters.
        MalformedPolicyDocument: the trust policy is invalid or names somebody who does not exist.
        NoSuchEntity: the permissions boundary is no managed policy.
        InvalidInput: the path is kept for roles of AWS's services.
    """
    if request.get("Path", "/").startswith(finding.SERVICE_ROLE_PATH):
        raise InvalidInput(
            f"The path {request['Path']} is reserved for service-linked roles: "
            "use CreateServiceLinkedRole."
        )
    with context.platform.directory.identities.write() as connection:
        trust, trust_ids = check_trust_policy(
            connection, request["AssumeRolePolicyDocument"], context.account_id
        )
        role = new_entities.new_entity(
            "role",
            request,
            context,
            {
                "description": request.get("Description", ""),
                "trust": trust,
                "trust_ids": trust_ids,
                "max_session_seconds": request.get("MaxSessionDuration", _USUAL_SESSION_SECONDS),
            },
        )
        new_entities.add(connection, role, request, context)
        return {
            "Role": descriptions.role(connection, role)
            | descriptions.boundary(role)
            | descriptions.tags(connection, role)
        }


@operation("iam:GetRole")
def get_role(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Describe a role.

    Raises:
        NoSuchEntity: there is no such role.
    """
    with context.platform.database.read() as connection:
        role = finding.require(connection, "role", request["RoleName"])
        return {
            "Role": descriptions.role(connection, role)
            | descriptions.boundary(role)
            | descriptions.tags(connection, role)
            | descriptions.role_last_used(connection, role, context)
        }


@operation("iam:UpdateRole")
def update_role(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Change a role's description or the longest time its sessions may last.

    Raises:
        NoSuchEntity: there is no such role.
        UnmodifiableEntity: it is a service-linked role.
    """
    with context.platform.directory.identities.write() as connection:
        role = finding.require_own_role(connection, request["RoleName"])
        # AWS: what is left out goes back to its default.
        changes = {
            "description": request.get("Description", role.detail["description"]),
            "max_session_seconds": request.get("MaxSessionDuration", _USUAL_SESSION_SECONDS),
        }
        entities.replace(connection, replace(role, detail={**role.detail, **changes}))
    return {}


@operation("iam:UpdateRoleDescription")
def update_role_description(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Change a role's description.

    Raises:
        NoSuchEntity: there is no such role.
    """
    with context.platform.directory.identities.write() as connection:
        role = finding.require(connection, "role", request["RoleName"])
        role = replace(role, detail={**role.detail, "description": request["Description"]})
        entities.replace(connection, role)
        return {"Role": descriptions.role(connection, role)}


@operation("iam:UpdateAssumeRolePolicy")
def update_assume_role_policy(request: Mapping[str, Any], context: Context) -> None:
    """Put another trust policy in the place of a role's.

    Raises:
        NoSuchEntity: there is no such role.
        MalformedPolicyDocument: the policy is invalid or names somebody who does not exist.
        UnmodifiableEntity: it is a service-linked role.
    """
    with context.platform.directory.identities.write() as connection:
        role = finding.require_own_role(connection, request["RoleName"])
        trust, trust_ids = check_trust_policy(
            connection, request["PolicyDocument"], context.account_id
        )
        detail = {**role.detail, "trust": trust, "trust_ids": trust_ids}
        entities.replace(connection, replace(role, detail=detail))


@operation("iam:DeleteRole")
def delete_role(request: Mapping[str, Any], context: Context) -> None:
    """Delete a role that has nothing left; its sessions end at once.

    Raises:
        NoSuchEntity: there is no such role.
        DeleteConflict: policies or instance profiles are left.
        UnmodifiableEntity: it is a service-linked role.
    """
    with context.platform.directory.identities.write() as connection:
        role = finding.require_own_role(connection, request["RoleName"])
        for left, what in (
            (members.groups(connection, role.id), "remove roles from instance profile"),
            (policies.attached(connection, role.id), "detach all policies"),
            (policies.inline(connection, role.id), "delete policies"),
        ):
            if left:
                raise DeleteConflict(f"Cannot delete entity, must {what} first.")
        entities.remove(connection, role.id)


@operation("iam:ListRoles")
def list_roles(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List roles under a path."""
    prefix, after = request.get("PathPrefix", "/"), start_of(request, context)
    with context.platform.database.read() as connection:
        found = entities.page(connection, "role", prefix, after, limit_of(request) + 1)
        items, end = page_end(found, lambda role: role.name.lower(), request, context)
        return {"Roles": [descriptions.role(connection, role) for role in items], **end}
