"""What all new users, groups, roles, policies and instance profiles have in common: id, path, ARN, tags, boundary."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from outcrop.governance import quota_catalogue
from outcrop.identity.attached_policies import managed_document
from outcrop.identity.sessions import new_unique_id
from outcrop.services.iam import finding
from outcrop.services.iam.descriptions import now_us
from outcrop.services.iam.errors import InvalidInput, LimitExceeded, NoSuchEntity
from outcrop.services.platform import Context
from outcrop.storage.identities import Entity, EntityKind, entities
from outcrop.storage.identities.entities import ID_PREFIXES

MOST_TAGS = 50
_QUOTAS: Mapping[EntityKind, tuple[str, quota_catalogue.Quota]] = {
    "user": ("UsersPerAccount", quota_catalogue.USERS),
    "group": ("GroupsPerAccount", quota_catalogue.GROUPS),
    "role": ("RolesPerAccount", quota_catalogue.ROLES),
    "policy": ("PoliciesPerAccount", quota_catalogue.POLICIES),
    "instance-profile": ("InstanceProfilesPerAccount", quota_catalogue.INSTANCE_PROFILES),
}


def arn_of(account_id: str, kind: EntityKind, path: str, name: str) -> str:
    """Return an entity's ARN, which holds its path."""
    return f"arn:aws:iam::{account_id}:{kind}{path}{name}"


def new_entity(
    kind: EntityKind,
    request: Mapping[str, Any],
    context: Context,
    detail: Mapping[str, Any] | None = None,
) -> Entity:
    """Return an entity of a fresh id as a Create… request describes it, not stored yet."""
    name, path = request[finding.NAME_MEMBERS[kind]], request.get("Path", "/")
    return Entity(
        id=new_unique_id(ID_PREFIXES[kind]),
        kind=kind,
        name=name,
        path=path,
        arn=arn_of(context.account_id, kind, path, name),
        created_us=now_us(context),
        boundary_arn=request.get("PermissionsBoundary"),
        detail=detail or {},
    )


def add(
    connection: Connection, entity: Entity, request: Mapping[str, Any], context: Context
) -> None:
    """Store a new entity with the tags and the boundary of its request.

    Raises:
        EntityAlreadyExists: the name is taken.
        LimitExceeded: the account has too many of its kind.
        InvalidInput: the tags cannot be used.
        NoSuchEntity: the boundary is no managed policy.
    """
    name, quota = _QUOTAS[entity.kind]
    most = int(context.platform.quotas.value(quota.service, quota.code))
    if entities.count(connection, entity.kind) >= most:
        raise LimitExceeded(f"Cannot exceed quota for {name}: {most}")
    if entity.boundary_arn is not None:
        require_boundary(connection, entity.boundary_arn)
    finding.insert(connection, entity)
    entities.put_tags(connection, entity.id, checked_tags(request.get("Tags", ())))


def moved(entity: Entity, new_path: str | None, new_name: str | None, account_id: str) -> Entity:
    """Return an entity under a new path or name; its unique id stays."""
    path, name = new_path or entity.path, new_name or entity.name
    return replace(entity, path=path, name=name, arn=arn_of(account_id, entity.kind, path, name))


def require_boundary(connection: Connection, policy_arn: str) -> None:
    """Check that a managed policy can bound permissions.

    Raises:
        NoSuchEntity: there is no such policy.
        InvalidInput: the ARN is not that of a policy.
    """
    if ":policy/" not in policy_arn:
        raise InvalidInput(f"ARN {policy_arn} is not valid.")
    if managed_document(connection, policy_arn) is None:
        raise NoSuchEntity(f"Scope ARN: {policy_arn} does not exist or is not attachable.")


def checked_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the tags of a request by key.

    Raises:
        InvalidInput: two keys differ in case alone, or a key is AWS's own.
    """
    found = {tag["Key"]: tag["Value"] for tag in tags}
    if len({key.lower() for key in found}) < len(tags):
        raise InvalidInput(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    for key in found:
        if key.lower().startswith("aws:"):
            raise InvalidInput("aws: prefixed tag key names are not allowed for external use.")
    return found
