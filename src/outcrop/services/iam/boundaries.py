"""Permissions boundaries: managed policies beyond which a user's or role's own policies do not reach."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.iam import finding, new_entities
from outcrop.services.iam.errors import NoSuchEntity
from outcrop.services.platform import Context
from outcrop.storage.identities import EntityKind, entities


@operation("iam:PutUserPermissionsBoundary")
def put_user_permissions_boundary(request: Mapping[str, Any], context: Context) -> None:
    """Bound a user.

    Raises:
        NoSuchEntity: there is no such user or policy.
    """
    _put("user", request, context)


@operation("iam:PutRolePermissionsBoundary")
def put_role_permissions_boundary(request: Mapping[str, Any], context: Context) -> None:
    """Bound a role.

    Raises:
        NoSuchEntity: there is no such role or policy.
        UnmodifiableEntity: it is a service-linked role.
    """
    _put("role", request, context)


@operation("iam:DeleteUserPermissionsBoundary")
def delete_user_permissions_boundary(request: Mapping[str, Any], context: Context) -> None:
    """Take a user's boundary away.

    Raises:
        NoSuchEntity: there is no such user, or it has no boundary.
    """
    _delete("user", request, context)


@operation("iam:DeleteRolePermissionsBoundary")
def delete_role_permissions_boundary(request: Mapping[str, Any], context: Context) -> None:
    """Take a role's boundary away.

    Raises:
        NoSuchEntity: there is no such role, or it has no boundary.
        UnmodifiableEntity: it is a service-linked role.
    """
    _delete("role", request, context)


def _put(kind: EntityKind, request: Mapping[str, Any], context: Context) -> None:
    arn = request["PermissionsBoundary"]
    with context.platform.directory.identities.write() as connection:
        owner = finding.require_changeable(connection, kind, request[finding.NAME_MEMBERS[kind]])
        new_entities.require_boundary(connection, arn)
        entities.replace(connection, replace(owner, boundary_arn=arn))


def _delete(kind: EntityKind, request: Mapping[str, Any], context: Context) -> None:
    with context.platform.directory.identities.write() as connection:
        owner = finding.require_changeable(connection, kind, request[finding.NAME_MEMBERS[kind]])
        if owner.boundary_arn is None:
            raise NoSuchEntity(f"The {kind} {owner.name} does not have a permissions boundary.")
        entities.replace(connection, replace(owner, boundary_arn=None))
