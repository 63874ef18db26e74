"""Instance profiles: boxes for one role each, which tools look for wherever they deal with roles."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.iam import descriptions, finding, new_entities
from outcrop.services.iam.errors import DeleteConflict, LimitExceeded, NoSuchEntity
from outcrop.services.iam.pages import limit_of, page, page_end, start_of
from outcrop.services.platform import Context
from outcrop.storage.identities import entities, members


@operation("iam:CreateInstanceProfile")
def create_instance_profile(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Create an empty instance profile.

    Raises:
        EntityAlreadyExists: the name is taken, whatever the case of its letters.
    """
    profile = new_entities.new_entity("instance-profile", request, context)
    with context.platform.directory.identities.write() as connection:
        new_entities.add(connection, profile, request, context)
        return {
            "InstanceProfile": descriptions.instance_profile(connection, profile)
            | descriptions.tags(connection, profile)
        }


@operation("iam:GetInstanceProfile")
def get_instance_profile(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Describe an instance profile and its role.

    Raises:
        NoSuchEntity: there is no such instance profile.
    """
    with context.platform.database.read() as connection:
        profile = finding.require(connection, "instance-profile", request["InstanceProfileName"])
        return {
            "InstanceProfile": descriptions.instance_profile(connection, profile)
            | descriptions.tags(connection, profile)
        }


@operation("iam:DeleteInstanceProfile")
def delete_instance_profile(request: Mapping[str, Any], context: Context) -> None:
    """Delete an empty instance profile.

    Raises:
        NoSuchEntity: there is no such instance profile.
        DeleteConflict: it holds a role.
    """
    with context.platform.directory.identities.write() as connection:
        profile = finding.require(connection, "instance-profile", request["InstanceProfileName"])
        if members.members(connection, profile.id):
            raise DeleteConflict(
                "Cannot delete entity, must remove roles from instance profile first."
            )
        entities.remove(connection, profile.id)


@operation("iam:ListInstanceProfiles")
def list_instance_profiles(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List instance profiles under a path."""
    prefix, after = request.get("PathPrefix", "/"), start_of(request, context)
    with context.platform.database.read() as connection:
        found = entities.page(connection, "instance-profile", prefix, after, limit_of(request) + 1)
        items, end = page_end(found, lambda profile: profile.name.lower(), request, context)
        described = [descriptions.instance_profile(connection, item) for item in items]
    return {"InstanceProfiles": described, **end}


@operation("iam:ListInstanceProfilesForRole")
def list_instance_profiles_for_role(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the instance profiles that hold a role.

    Raises:
        NoSuchEntity: there is no such role.
    """
    with context.platform.database.read() as connection:
        role = finding.require(connection, "role", request["RoleName"])
        found = members.groups(connection, role.id)
        items, end = page(found, lambda profile: profile.name.lower(), request, context)
        described = [descriptions.instance_profile(connection, item) for item in items]
    return {"InstanceProfiles": described, **end}


@operation("iam:AddRoleToInstanceProfile")
def add_role_to_instance_profile(request: Mapping[str, Any], context: Context) -> None:
    """Put a role into an instance profile.

    Raises:
        NoSuchEntity: there is no such instance profile or role.
        LimitExceeded: the profile holds a role already.
        UnmodifiableEntity: it is a service-linked role.
    """
    with context.platform.directory.identities.write() as connection:
        profile = finding.require(connection, "instance-profile", request["InstanceProfileName"])
        role = finding.require_own_role(connection, request["RoleName"])
        if members.members(connection, profile.id):
            raise LimitExceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
        members.add(connection, profile.id, role.id)


@operation("iam:RemoveRoleFromInstanceProfile")
def remove_role_from_instance_profile(request: Mapping[str, Any], context: Context) -> None:
    """Take the role out of an instance profile.

    Raises:
        NoSuchEntity: there is no such instance profile or role, or the profile does not hold the role.
    """
    with context.platform.directory.identities.write() as connection:
        profile = finding.require(connection, "instance-profile", request["InstanceProfileName"])
        role = finding.require(connection, "role", request["RoleName"])
        if not members.remove(connection, profile.id, role.id):
            raise NoSuchEntity(
                f"The role with name {role.name} cannot be found in instance profile "
                f"{profile.name}."
            )
