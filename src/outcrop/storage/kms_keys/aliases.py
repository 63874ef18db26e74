"""Aliases: names of keys, unique in a region. Names are kept with their "alias/"."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, select, update

from outcrop.storage.database.tables.kms_keys import kms_aliases as table
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class AliasRow:
    """One alias, columns as in tables/kms_keys.py."""

    region: str
    name: str
    key_id: str
    created_us: int
    modified_us: int


_COLUMNS = (
    table.c.region,
    table.c.name,
    table.c.key_id,
    table.c.created_us,
    table.c.modified_us,
)
_BY_NAME = Prepared(
    select(*_COLUMNS).where(
        table.c.region == bindparam("region"), table.c.name == bindparam("name")
    )
)
_OF_KEY = Prepared(
    select(table.c.name).where(table.c.key_id == bindparam("key_id")).order_by(table.c.name)
)
_COUNT = Prepared(select(func.count()).where(table.c.key_id == bindparam("key_id")))
_PAGE = Prepared(
    select(*_COLUMNS)
    .where(table.c.region == bindparam("region"), table.c.name > bindparam("after"))
    .order_by(table.c.name)
    .limit(bindparam("limit"))
)
_PAGE_OF_KEY = Prepared(
    select(*_COLUMNS)
    .where(table.c.key_id == bindparam("key_id"), table.c.name > bindparam("after"))
    .order_by(table.c.name)
    .limit(bindparam("limit"))
)


def find(connection: Connection, region: str, name: str) -> AliasRow | None:
    """Return the alias of this name."""
    row = _BY_NAME.first(connection, region=region, name=name)
    return None if row is None else AliasRow(*row)


def of_key(connection: Connection, key_id: str) -> tuple[str, ...]:
    """Return the names of a key, in order."""
    return tuple(row[0] for row in _OF_KEY.all(connection, key_id=key_id))


def count(connection: Connection, key_id: str) -> int:
    """Return how many names a key has."""
    row = _COUNT.first(connection, key_id=key_id)
    return 0 if row is None else int(row[0])


def page(
    connection: Connection, region: str, *, key_id: str = "", after: str = "", limit: int
) -> tuple[list[AliasRow], str]:
    """Return a page by name, of one key or of the region, and the name after which the next begins ("": none)."""
    if key_id:
        found = _PAGE_OF_KEY.all(connection, key_id=key_id, after=after, limit=limit + 1)
    else:
        found = _PAGE.all(connection, region=region, after=after, limit=limit + 1)
    rows = [AliasRow(*row) for row in found]
    return (rows[:limit], rows[limit - 1].name) if len(rows) > limit else (rows, "")


def insert(connection: Connection, row: AliasRow) -> None:
    """Add an alias."""
    connection.execute(
        table.insert().values(
            region=row.region,
            name=row.name,
            key_id=row.key_id,
            created_us=row.created_us,
            modified_us=row.modified_us,
        )
    )


def point(connection: Connection, region: str, name: str, key_id: str, now_us: int) -> None:
    """Let an alias name another key."""
    connection.execute(
        update(table)
        .where(table.c.region == region, table.c.name == name)
        .values(key_id=key_id, modified_us=now_us)
    )


def remove(connection: Connection, region: str, name: str) -> None:
    """Delete an alias."""
    connection.execute(delete(table).where(table.c.region == region, table.c.name == name))
