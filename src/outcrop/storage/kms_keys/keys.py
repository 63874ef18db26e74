"""Keys: their state, policy and rotation, without their material."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from outcrop.storage import tags
from outcrop.storage.database.tables.kms_keys import kms_aliases, kms_grants, kms_materials
from outcrop.storage.database.tables.kms_keys import kms_keys as table
from outcrop.storage.prepared import Prepared


class KeyState(StrEnum):
    """What a key may be used for at the moment."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key, columns as in tables/kms_keys.py."""

    id: str
    region: str
    arn: str
    revision: int
    created_us: int
    state: str
    deletion_us: int | None
    pending_days: int | None
    description: str
    spec: str
    usage: str
    origin: str
    service: str
    policy: str
    material_id: str
    rotation_days: int | None
    rotation_due_us: int | None
    rotations_on_demand: int

    @property
    def is_symmetric(self) -> bool:
        """Whether it encrypts with one secret; the kind that rotates and makes data keys."""
        return self.spec == "SYMMETRIC_DEFAULT"

    @property
    def is_enabled(self) -> bool:
        """Whether it may be used."""
        return self.state == KeyState.ENABLED

    def is_gone(self, now_us: int) -> bool:
        """Whether its time to be deleted has come: it then exists no longer, whatever the table holds."""
        return self.deletion_us is not None and self.deletion_us <= now_us

    def is_rotation_due(self, now_us: int) -> bool:
        """Whether it is to be rotated before it encrypts again."""
        return (
            self.is_enabled and self.rotation_due_us is not None and self.rotation_due_us <= now_us
        )


_COLUMNS = [table.c[item.name] for item in fields(KeyRow)]
_BY_ID = Prepared(select(*_COLUMNS).where(table.c.id == bindparam("id")))
_REVISION = Prepared(
    select(table.c.revision).where(table.c.arn == bindparam("arn"), table.c.id == bindparam("id"))
)
_PAGE = Prepared(
    select(table.c.id, table.c.arn, table.c.deletion_us)
    .where(table.c.region == bindparam("region"), table.c.id > bindparam("after"))
    .order_by(table.c.id)
    .limit(bindparam("limit"))
)
_DUE = Prepared(
    select(table.c.id).where(
        table.c.deletion_us.is_not(None), table.c.deletion_us <= bindparam("now")
    )
)


def insert(connection: Connection, row: KeyRow) -> None:
    """Add a key."""
    connection.execute(
        table.insert().values({item.name: getattr(row, item.name) for item in fields(KeyRow)})
    )


def get(connection: Connection, key_id: str) -> KeyRow | None:
    """Return the key of this id."""
    row = _BY_ID.first(connection, id=key_id)
    return None if row is None else KeyRow(*row)


def revision_of(connection: Connection, key_id: str, arn: str) -> int:
    """Return the revision of the key of this id and ARN, 0 where there is none."""
    row = _REVISION.first(connection, id=key_id, arn=arn)
    return 0 if row is None else int(row[0])


def page(
    connection: Connection, region: str, *, after: str, limit: int, now_us: int
) -> tuple[list[tuple[str, str]], str]:
    """Return (id, ARN) of a page of keys by id, and the id after which the next page begins, "" at the end."""
    rows = _PAGE.all(connection, region=region, after=after, limit=limit + 1)
    following = rows[limit - 1][0] if len(rows) > limit else ""
    present = [
        (key_id, arn)
        for key_id, arn, deletion_us in rows[:limit]
        if deletion_us is None or deletion_us > now_us
    ]
    return present, following


def change(connection: Connection, key_id: str, **values: Any) -> None:
    """Set columns of a key; with none, only say that something of it (a tag, an alias, a grant) changed."""
    connection.execute(
        update(table).where(table.c.id == key_id).values(revision=table.c.revision + 1, **values)
    )


def due_for_deletion(connection: Connection, now_us: int) -> list[str]:
    """Return the ids of keys whose waiting period is over."""
    return [row[0] for row in _DUE.all(connection, now=now_us)]


def destroy(connection: Connection, key_id: str) -> None:
    """Delete a key with its material, aliases, grants and tags, overwriting what the file held of them."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    row = get(connection, key_id)
    for dependent in (kms_materials, kms_aliases, kms_grants):
        connection.execute(delete(dependent).where(dependent.c.key_id == key_id))
    if row is not None:
        tags.drop_all(connection, row.arn)
    connection.execute(delete(table).where(table.c.id == key_id))
