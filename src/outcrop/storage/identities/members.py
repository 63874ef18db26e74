"""Who is in which group, and which role an instance profile holds."""

from sqlalchemy import Connection, delete, select

from outcrop.storage.database.tables.identities import iam_entities, iam_members
from outcrop.storage.identities.entities import COLUMNS, Entity, of_row


def add(connection: Connection, group_id: str, member_id: str) -> None:
    """Put a user into a group or a role into an instance profile; doing so again changes nothing."""
    remove(connection, group_id, member_id)
    connection.execute(iam_members.insert().values(group_id=group_id, member_id=member_id))


def remove(connection: Connection, group_id: str, member_id: str) -> bool:
    """Take a member out; return whether it was one."""
    result = connection.execute(
        delete(iam_members).where(
            iam_members.c.group_id == group_id, iam_members.c.member_id == member_id
        )
    )
    return result.rowcount > 0


def members(connection: Connection, group_id: str) -> list[Entity]:
    """Return the users of a group, or the role of an instance profile, by name in order."""
    query = (
        select(*COLUMNS)
        .join(iam_members, iam_members.c.member_id == iam_entities.c.id)
        .where(iam_members.c.group_id == group_id)
        .order_by(iam_entities.c.name_key)
    )
    return [of_row(row) for row in connection.execute(query)]


def groups(connection: Connection, member_id: str) -> list[Entity]:
    """Return the groups of a user, or the instance profiles of a role, by name in order."""
    query = (
        select(*COLUMNS)
        .join(iam_members, iam_members.c.group_id == iam_entities.c.id)
        .where(iam_members.c.member_id == member_id)
        .order_by(iam_entities.c.name_key)
    )
    return [of_row(row) for row in connection.execute(query)]
