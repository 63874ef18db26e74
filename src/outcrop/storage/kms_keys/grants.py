"""Grants: who may use a key without its policy saying so."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from outcrop.storage.database.tables.kms_keys import kms_grants as table
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class GrantRow:
    """One grant, columns as in tables/kms_keys.py."""

    id: str
    key_id: str
    region: str
    name: str
    grantee: str
    retiring: str
    issuer: str
    created_us: int
    operations_json: str
    constraints_json: str

    @property
    def operations(self) -> list[str]:
        """What it allows, such as "Decrypt"."""
        operations: list[str] = json.loads(self.operations_json)
        return operations

    @property
    def constraints(self) -> Mapping[str, Any]:
        """Encryption contexts it is limited to, by wire name; empty for none."""
        constraints: dict[str, Any] = json.loads(self.constraints_json)
        return constraints


_COLUMNS = [table.c[item.name] for item in fields(GrantRow)]
_BY_ID = Prepared(select(*_COLUMNS).where(table.c.id == bindparam("id")))
_OF_KEY = Prepared(
    select(*_COLUMNS).where(table.c.key_id == bindparam("key_id")).order_by(table.c.id)
)
_BY_NAME = Prepared(
    select(*_COLUMNS)
    .where(table.c.key_id == bindparam("key_id"), table.c.name == bindparam("name"))
    .order_by(table.c.created_us)
)
_RETIRABLE = Prepared(
    select(*_COLUMNS)
    .where(
        table.c.region == bindparam("region"),
        table.c.retiring == bindparam("retiring"),
        table.c.id > bindparam("after"),
    )
    .order_by(table.c.id)
    .limit(bindparam("limit"))
)


def get(connection: Connection, grant_id: str) -> GrantRow | None:
    """Return the grant of this id."""
    row = _BY_ID.first(connection, id=grant_id)
    return None if row is None else GrantRow(*row)


def of_key(connection: Connection, key_id: str) -> list[GrantRow]:
    """Return every grant on a key, by id."""
    return [GrantRow(*row) for row in _OF_KEY.all(connection, key_id=key_id)]


def named(connection: Connection, key_id: str, name: str) -> list[GrantRow]:
    """Return the grants of this name on a key, the oldest first; a name may be used more than once."""
    return [GrantRow(*row) for row in _BY_NAME.all(connection, key_id=key_id, name=name)]


def retirable(
    connection: Connection, region: str, retiring: str, *, after: str, limit: int
) -> tuple[list[GrantRow], str]:
    """Return a page of the grants that a principal may retire, and the id after which the next begins."""
    found = _RETIRABLE.all(
        connection, region=region, retiring=retiring, after=after, limit=limit + 1
    )
    rows = [GrantRow(*row) for row in found]
    return (rows[:limit], rows[limit - 1].id) if len(rows) > limit else (rows, "")


def insert(connection: Connection, row: GrantRow) -> None:
    """Add a grant."""
    connection.execute(
        table.insert().values({item.name: getattr(row, item.name) for item in fields(GrantRow)})
    )


def remove(connection: Connection, grant_id: str) -> None:
    """Delete a grant."""
    connection.execute(delete(table).where(table.c.id == grant_id))
