"""Which policies users, groups and roles have, read from the tables and compiled."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from outcrop.identity.managed_policies import managed_policies
from outcrop.identity.policy import Policy, PolicyKind, cached_policy
from outcrop.identity.principal_ids import present_names
from outcrop.storage.identities import Entity, entities, members, policies

SourceType = Literal["user", "group", "role", "aws-managed", "user-managed"]


@dataclass(frozen=True, slots=True)
class PolicySource:
    """A policy of a user, group or role.

    Attributes:
        name: of the policy.
        type: as IAM's simulators call it: whose inline policy it is, or whose managed one.
        holder: name of the user, group or role that it is attached to or lies in.
        arn: of a managed policy; "" for inline ones.
    """

    name: str
    type: SourceType
    holder: str
    policy: Policy
    arn: str = ""


def managed_document(connection: Connection, arn: str) -> str | None:
    """Return the default version of a managed policy, AWS's or the account's own."""
    if (policy := managed_policies().get(arn)) is not None:
        return policy.document
    entity = entities.by_arn(connection, arn)
    if entity is None or entity.kind != "policy":
        return None
    version = policies.version(connection, entity.id, entity.detail["default_version"])
    return None if version is None else version.document


def sources_of(connection: Connection, entity: Entity) -> list[PolicySource]:
    """Return every policy of a user (with its groups'), group or role."""
    kind: SourceType = "user"
    if entity.kind == "group":
        kind = "group"
    elif entity.kind == "role":
        kind = "role"
    found = [
        PolicySource(name, kind, entity.name, cached_policy(text))
        for name, text in policies.inline(connection, entity.id).items()
    ]
    for arn in policies.attached(connection, entity.id):
        text = managed_document(connection, arn)
        assert text is not None, "a policy that is attached is not deleted"
        whose: SourceType = "aws-managed" if arn in managed_policies() else "user-managed"
        name = arn.rsplit("/", 1)[-1]
        found.append(PolicySource(name, whose, entity.name, cached_policy(text), arn))
    if entity.kind == "user":
        for group in members.groups(connection, entity.id):
            found += sources_of(connection, group)
    return found


def boundary_of(connection: Connection, entity: Entity) -> Policy | None:
    """Return the permissions boundary of a user or role."""
    if entity.boundary_arn is None:
        return None
    text = managed_document(connection, entity.boundary_arn)
    assert text is not None, "a policy in use as a boundary is not deleted"
    return cached_policy(text, PolicyKind.BOUNDARY)


def present_trust(connection: Connection, role: Entity) -> str:
    """Return a role's trust policy as it reads today."""

    def arn_of(unique_id: str) -> str | None:
        entity = entities.by_id(connection, unique_id)
        return None if entity is None else entity.arn

    return present_names(role.detail["trust"], role.detail["trust_ids"], arn_of)
