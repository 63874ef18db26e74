"""Groups and who is in them."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.iam import descriptions, finding, new_entities
from outcrop.services.iam.errors import DeleteConflict, LimitExceeded, NoSuchEntity
from outcrop.services.iam.pages import limit_of, page, page_end, start_of
from outcrop.services.platform import Context
from outcrop.storage.identities import entities, members, policies

_MOST_GROUPS_OF_A_USER = 10


@operation("iam:CreateGroup")
def create_group(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Create a group.

    Raises:
        EntityAlreadyExists: the name is taken, whatever the case of its letters.
    """
    group = new_entities.new_entity("group", request, context)
    with context.platform.directory.identities.write() as connection:
        new_entities.add(connection, group, request, context)
    return {"Group": descriptions.group(group)}


@operation("iam:GetGroup")
def get_group(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Describe a group and list the users in it.

    Raises:
        NoSuchEntity: there is no such group.
    """
    with context.platform.database.read() as connection:
        group = finding.require(connection, "group", request["GroupName"])
        users = members.members(connection, group.id)
    items, end = page(users, lambda user: user.name.lower(), request, context)
    return {
        "Group": descriptions.group(group),
        "Users": [descriptions.user(user) for user in items],
        **end,
    }


@operation("iam:UpdateGroup")
def update_group(request: Mapping[str, Any], context: Context) -> None:
    """Give a group another name or path.

    Raises:
        NoSuchEntity: there is no such group.
        EntityAlreadyExists: the new name is taken.
    """
    with context.platform.directory.identities.write() as connection:
        group = finding.require(connection, "group", request["GroupName"])
        moved = new_entities.moved(
            group, request.get("NewPath"), request.get("NewGroupName"), context.account_id
        )
        finding.rename(connection, moved)


@operation("iam:DeleteGroup")
def delete_group(request: Mapping[str, Any], context: Context) -> None:
    """Delete an empty group.

    Raises:
        NoSuchEntity: there is no such group.
        DeleteConflict: users or policies are left.
    """
    with context.platform.directory.identities.write() as connection:
        group = finding.require(connection, "group", request["GroupName"])
        for left, what in (
            (members.members(connection, group.id), "remove users from group"),
            (policies.attached(connection, group.id), "detach all policies"),
            (policies.inline(connection, group.id), "delete policies"),
        ):
            if left:
                raise DeleteConflict(f"Cannot delete entity, must {what} first.")
        entities.remove(connection, group.id)


@operation("iam:ListGroups")
def list_groups(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List groups under a path."""
    prefix, after = request.get("PathPrefix", "/"), start_of(request, context)
    with context.platform.database.read() as connection:
        found = entities.page(connection, "group", prefix, after, limit_of(request) + 1)
    items, end = page_end(found, lambda group: group.name.lower(), request, context)
    return {"Groups": [descriptions.group(group) for group in items], **end}


@operation("iam:ListGroupsForUser")
def list_groups_for_user(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the groups that a user is in.

    Raises:
        NoSuchEntity: there is no such user.
    """
    with context.platform.database.read() as connection:
        user = finding.require(connection, "user", request["UserName"])
        found = members.groups(connection, user.id)
    items, end = page(found, lambda group: group.name.lower(), request, context)
    return {"Groups": [descriptions.group(group) for group in items], **end}


@operation("iam:AddUserToGroup")
def add_user_to_group(request: Mapping[str, Any], context: Context) -> None:
    """Put a user into a group; doing so again changes nothing.

    Raises:
        NoSuchEntity: there is no such group or user.
        LimitExceeded: the user is in ten groups.
    """
    with context.platform.directory.identities.write() as connection:
        group = finding.require(connection, "group", request["GroupName"])
        user = finding.require(connection, "user", request["UserName"])
        others = [found for found in members.groups(connection, user.id) if found.id != group.id]
        if len(others) >= _MOST_GROUPS_OF_A_USER:
            raise LimitExceeded(f"Cannot exceed quota for GroupsPerUser: {_MOST_GROUPS_OF_A_USER}")
        members.add(connection, group.id, user.id)


@operation("iam:RemoveUserFromGroup")
def remove_user_from_group(request: Mapping[str, Any], context: Context) -> None:
    """Take a user out of a group.

    Raises:
        NoSuchEntity: there is no such group or user, or the user is not in the group.
    """
    with context.platform.directory.identities.write() as connection:
        group = finding.require(connection, "group", request["GroupName"])
        user = finding.require(connection, "user", request["UserName"])
        if not members.remove(connection, group.id, user.id):
            raise NoSuchEntity(f"User {user.name} is not in group {group.name}.")
