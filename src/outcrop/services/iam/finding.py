"""From the names in a request to what bears them, or to IAM's error that nothing does."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.services.iam.errors import (
    EntityAlreadyExists,
    NoSuchEntity,
    UnmodifiableEntity,
    ValidationError,
)
from outcrop.services.platform import Context
from outcrop.storage.identities import Entity, EntityKind, NameTaken, entities

SERVICE_ROLE_PATH = "/aws-service-role/"
# The member that names the entity in requests.
NAME_MEMBERS: Mapping[EntityKind, str] = {
    "user": "UserName",
    "group": "GroupName",
    "role": "RoleName",
    "policy": "PolicyName",
    "instance-profile": "InstanceProfileName",
}


def require(connection: Connection, kind: EntityKind, name: str) -> Entity:
    """Return the user, group, role or instance profile of a name.

    Raises:
        NoSuchEntity: there is none.
    """
    found = entities.by_name(connection, kind, name)
    if found is not None:
        return found
    if kind == "instance-profile":
        raise NoSuchEntity(f"Instance Profile {name} cannot be found.")
    raise NoSuchEntity(f"The {kind} with name {name} cannot be found.")


def require_own_role(connection: Connection, name: str) -> Entity:
    """Return a role that its account may change.

    Raises:
        NoSuchEntity: there is none.
        UnmodifiableEntity: it is a service-linked role.
    """
    role = require(connection, "role", name)
    if role.path.startswith(SERVICE_ROLE_PATH):
        raise UnmodifiableEntity(
            f"Cannot perform the operation on the protected role '{role.name}' - "
            "this role is only modifiable by AWS"
        )
    return role


def require_changeable(connection: Connection, kind: EntityKind, name: str) -> Entity:
    """Return a user, group or role that its account may change.

    Raises:
        NoSuchEntity: there is none.
        UnmodifiableEntity: it is a service-linked role.
    """
    if kind == "role":
        return require_own_role(connection, name)
    return require(connection, kind, name)


def require_named_or_calling_user(
    connection: Connection, request: Mapping[str, Any], context: Context
) -> Entity:
    """Return the user of the request's UserName, or the caller where it names nobody.

    Raises:
        NoSuchEntity: there is no such user.
        ValidationError: nobody is named and the caller is no user.
    """
    name = request.get("UserName")
    if name is not None:
        return require(connection, "user", name)
    user = None
    if context.principal.type == "User":
        user = entities.by_arn(connection, context.principal.arn)
    if user is None:
        raise ValidationError("Must specify userName when calling with non-User credentials")
    return user


def insert(connection: Connection, entity: Entity) -> None:
    """Add an entity.

    Raises:
        EntityAlreadyExists: its name is taken.
    """
    try:
        entities.insert(connection, entity)
    except NameTaken:
        raise _already_exists(entity) from None


def rename(connection: Connection, entity: Entity) -> None:
    """Write an entity anew under its id.

    Raises:
        EntityAlreadyExists: its new name is taken.
    """
    try:
        entities.replace(connection, entity)
    except NameTaken:
        raise _already_exists(entity) from None


def _already_exists(entity: Entity) -> EntityAlreadyExists:
    if entity.kind == "policy":
        return EntityAlreadyExists(
            f"A policy called {entity.name} already exists. Duplicate names are not allowed."
        )
    if entity.kind == "instance-profile":
        return EntityAlreadyExists(f"Instance Profile {entity.name} already exists.")
    return EntityAlreadyExists(f"{entity.kind.title()} with name {entity.name} already exists.")
