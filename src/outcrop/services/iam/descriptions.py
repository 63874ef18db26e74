"""How IAM describes users, groups, roles, policies and instance profiles."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from outcrop.identity.attached_policies import present_trust
from outcrop.services.iam.documents import shown
from outcrop.services.platform import Context
from outcrop.storage.identities import Entity, entities, members

Described = dict[str, Any]  # wire names


def from_us(moment_us: int) -> datetime:
    """Return a stored moment; IAM shows whole seconds."""
    return datetime.fromtimestamp(moment_us // 1_000_000, UTC)


def now_us(context: Context) -> int:
    """Return when the call came, as it is stored."""
    return int(context.received_at.timestamp() * 1e6)


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Return tags as IAM lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def boundary(entity: Entity) -> Described:
    """Return the PermissionsBoundary member, or nothing."""
    if entity.boundary_arn is None:
        return {}
    return {
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": entity.boundary_arn,
        }
    }


def user(entity: Entity) -> Described:
    """Return a User as lists show it."""
    return {
        "Path": entity.path,
        "UserName": entity.name,
        "UserId": entity.id,
        "Arn": entity.arn,
        "CreateDate": from_us(entity.created_us),
    }


def group(entity: Entity) -> Described:
    """Return a Group."""
    return {
        "Path": entity.path,
        "GroupName": entity.name,
        "GroupId": entity.id,
        "Arn": entity.arn,
        "CreateDate": from_us(entity.created_us),
    }


def role(connection: Connection, entity: Entity) -> Described:
    """Return a Role as lists show it."""
    trust = present_trust(connection, entity)
    return {
        "Path": entity.path,
        "RoleName": entity.name,
        "RoleId": entity.id,
        "Arn": entity.arn,
        "CreateDate": from_us(entity.created_us),
        "AssumeRolePolicyDocument": shown(trust),
        "MaxSessionDuration": entity.detail["max_session_seconds"],
        **({"Description": entity.detail["description"]} if entity.detail["description"] else {}),
    }


def role_last_used(connection: Connection, entity: Entity, context: Context) -> Described:
    """Return the RoleLastUsed member: empty for a role that nobody used yet."""
    use = context.platform.directory.uses.last(connection, entity.id)
    if use is None:
        return {"RoleLastUsed": {}}
    return {"RoleLastUsed": {"LastUsedDate": from_us(use.used_us), "Region": use.region}}


def tags(connection: Connection, entity: Entity) -> Described:
    """Return the Tags member where there are tags."""
    found = entities.tags_of(connection, entity.id)
    return {"Tags": tag_list(found)} if found else {}


def instance_profile(connection: Connection, entity: Entity) -> Described:
    """Return an InstanceProfile with its role."""
    return {
        "Path": entity.path,
        "InstanceProfileName": entity.name,
        "InstanceProfileId": entity.id,
        "Arn": entity.arn,
        "CreateDate": from_us(entity.created_us),
        "Roles": [role(connection, member) for member in members.members(connection, entity.id)],
    }
