"""Policies: versions of managed ones, inline ones, and who has which attached."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from outcrop.storage.database.tables.identities import (
    iam_attachments,
    iam_entities,
    iam_inline_policies,
    iam_policy_versions,
)
from outcrop.storage.identities.entities import COLUMNS, Entity, of_row


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a customer-managed policy; its id is "v" and its number."""

    number: int
    document: str
    created_us: int


def versions(connection: Connection, policy_id: str) -> list[PolicyVersion]:
    """Return a policy's versions, the newest first."""
    table = iam_policy_versions
    query = (
        select(table.c.number, table.c.document, table.c.created_us)
        .where(table.c.policy_id == policy_id)
        .order_by(table.c.number.desc())
    )
    return [PolicyVersion(*row) for row in connection.execute(query)]


def version(connection: Connection, policy_id: str, number: int) -> PolicyVersion | None:
    """Return one version."""
    return next((item for item in versions(connection, policy_id) if item.number == number), None)


def add_version(connection: Connection, policy_id: str, added: PolicyVersion) -> None:
    """Add a version."""
    connection.execute(
        iam_policy_versions.insert().values(
            policy_id=policy_id,
            number=added.number,
            document=added.document,
            created_us=added.created_us,
        )
    )


def remove_version(connection: Connection, policy_id: str, number: int) -> None:
    """Delete a version."""
    table = iam_policy_versions
    connection.execute(
        delete(table).where(table.c.policy_id == policy_id, table.c.number == number)
    )


def inline(connection: Connection, owner_id: str) -> dict[str, str]:
    """Return the inline policies of a user, group or role: name → document, by name in order."""
    table = iam_inline_policies
    query = (
        select(table.c.name, table.c.document)
        .where(table.c.owner_id == owner_id)
        .order_by(table.c.name)
    )
    return {name: document for name, document in connection.execute(query)}  # noqa: C416  # rows


def put_inline(connection: Connection, owner_id: str, name: str, document: str) -> None:
    """Add an inline policy, in the place of one of the same name."""
    remove_inline(connection, owner_id, name)
    connection.execute(
        iam_inline_policies.insert().values(owner_id=owner_id, name=name, document=document)
    )


def remove_inline(connection: Connection, owner_id: str, name: str) -> bool:
    """Delete an inline policy; return whether there was one."""
    table = iam_inline_policies
    result = connection.execute(
        delete(table).where(table.c.owner_id == owner_id, table.c.name == name)
    )
    return result.rowcount > 0


def attached(connection: Connection, owner_id: str) -> list[str]:
    """Return the ARNs of the managed policies attached to a user, group or role, in order."""
    table = iam_attachments
    query = (
        select(table.c.policy_arn).where(table.c.owner_id == owner_id).order_by(table.c.policy_arn)
    )
    return list(connection.execute(query).scalars())


def attach(connection: Connection, owner_id: str, policy_arn: str) -> None:
    """Attach a managed policy; attaching it again changes nothing."""
    detach(connection, owner_id, policy_arn)
    connection.execute(iam_attachments.insert().values(owner_id=owner_id, policy_arn=policy_arn))


def detach(connection: Connection, owner_id: str, policy_arn: str) -> bool:
    """Detach a managed policy; return whether it was attached."""
    table = iam_attachments
    result = connection.execute(
        delete(table).where(table.c.owner_id == owner_id, table.c.policy_arn == policy_arn)
    )
    return result.rowcount > 0


def holders(connection: Connection, policy_arn: str) -> list[Entity]:
    """Return the users, groups and roles that a managed policy is attached to, by name in order."""
    query = (
        select(*COLUMNS)
        .join(iam_attachments, iam_attachments.c.owner_id == iam_entities.c.id)
        .where(iam_attachments.c.policy_arn == policy_arn)
        .order_by(iam_entities.c.name_key)
    )
    return [of_row(row) for row in connection.execute(query)]


def attachment_counts(connection: Connection) -> dict[str, int]:
    """Return how many users, groups and roles each attached managed policy has, by ARN."""
    table = iam_attachments
    query = select(table.c.policy_arn, func.count()).group_by(table.c.policy_arn)
    return {arn: number for arn, number in connection.execute(query)}  # noqa: C416  # rows


def boundary_counts(connection: Connection) -> dict[str, int]:
    """Return how many users and roles each policy bounds, by ARN."""
    column = iam_entities.c.boundary_arn
    query = select(column, func.count()).where(column.is_not(None)).group_by(column)
    return {arn: number for arn, number in connection.execute(query)}  # noqa: C416  # rows
