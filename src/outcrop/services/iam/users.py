"""Users."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.iam import descriptions, finding, new_entities
from outcrop.services.iam.errors import DeleteConflict
from outcrop.services.iam.pages import limit_of, page_end, start_of
from outcrop.services.platform import Context
from outcrop.storage.identities import entities, keys, members, policies


@operation("iam:CreateUser")
def create_user(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Create a user, who has neither keys nor permissions at first.

    Raises:
        EntityAlreadyExists: the name is taken, whatever the case of its letters.
        NoSuchEntity: the permissions boundary is no managed policy.
    """
    user = new_entities.new_entity("user", request, context)
    with context.platform.directory.identities.write() as connection:
        new_entities.add(connection, user, request, context)
        return {
            "User": descriptions.user(user)
            | descriptions.boundary(user)
            | descriptions.tags(connection, user)
        }


@operation("iam:GetUser")
def get_user(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Describe a user; without a name the caller, who may be the account's root.

    Raises:
        NoSuchEntity: there is no such user.
        ValidationError: the caller is a role session and names nobody.
    """
    principal = context.principal
    if "UserName" not in request and principal.is_root:
        made = context.platform.home.root_key.stat().st_mtime
        root = {"UserId": principal.account_id, "Arn": principal.arn}
        return {"User": root | {"CreateDate": descriptions.from_us(int(made * 1e6))}}
    with context.platform.database.read() as connection:
        user = finding.require_named_or_calling_user(connection, request, context)
        return {
            "User": descriptions.user(user)
            | descriptions.boundary(user)
            | descriptions.tags(connection, user)
        }


@operation("iam:UpdateUser")
def update_user(request: Mapping[str, Any], context: Context) -> None:
    """Give a user another name or path, and thereby another ARN; keys and policies stay.

    Raises:
        NoSuchEntity: there is no such user.
        EntityAlreadyExists: the new name is taken.
    """
    with context.platform.directory.identities.write() as connection:
        user = finding.require(connection, "user", request["UserName"])
        moved = new_entities.moved(
            user, request.get("NewPath"), request.get("NewUserName"), context.account_id
        )
        finding.rename(connection, moved)


@operation("iam:DeleteUser")
def delete_user(request: Mapping[str, Any], context: Context) -> None:
    """Delete a user who has nothing left.

    Raises:
        NoSuchEntity: there is no such user.
        DeleteConflict: keys, policies or groups are left.
    """
    with context.platform.directory.identities.write() as connection:
        user = finding.require(connection, "user", request["UserName"])
        for left, what in (
            (keys.access_keys_of(connection, user.id), "delete access keys"),
            (
                keys.service_credentials_of(connection, user.id),
                "delete service specific credentials",
            ),
            (policies.attached(connection, user.id), "detach all policies"),
            (policies.inline(connection, user.id), "delete policies"),
            (members.groups(connection, user.id), "remove users from group"),
        ):
            if left:
                raise DeleteConflict(f"Cannot delete entity, must {what} first.")
        entities.remove(connection, user.id)


@operation("iam:ListUsers")
def list_users(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List users under a path."""
    prefix, after = request.get("PathPrefix", "/"), start_of(request, context)
    with context.platform.database.read() as connection:
        found = entities.page(connection, "user", prefix, after, limit_of(request) + 1)
    items, end = page_end(found, lambda user: user.name.lower(), request, context)
    return {"Users": [descriptions.user(user) for user in items], **end}
