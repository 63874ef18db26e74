"""Activities as rows: names under which workers ask for tasks."""

import json
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select

from outcrop.storage import tags
from outcrop.storage.database.tables.state_machines import activities as table
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One activity, columns as in tables/state_machines.py."""

    arn: str
    region: str
    name: str
    encryption_json: str
    created_us: int

    @property
    def encryption(self) -> dict[str, Any]:
        """The encryptionConfiguration as on the wire."""
        found: dict[str, Any] = json.loads(self.encryption_json)
        return found


_NAMES = [item.name for item in fields(ActivityRow)]
_COLUMNS = [table.c[name] for name in _NAMES]
_BY_ARN = Prepared(select(*_COLUMNS).where(table.c.arn == bindparam("arn")))
_PAGE = Prepared(
    select(*_COLUMNS)
    .where(table.c.region == bindparam("region"), table.c.name > bindparam("after"))
    .order_by(table.c.name)
    .limit(bindparam("limit"))
)
_COUNT = Prepared(
    select(func.count()).select_from(table).where(table.c.region == bindparam("region"))
)


def get(connection: Connection, arn: str) -> ActivityRow | None:
    """Return the activity of this ARN."""
    row = _BY_ARN.first(connection, arn=arn)
    return None if row is None else ActivityRow(*row)


def page(connection: Connection, region: str, *, after: str, limit: int) -> list[ActivityRow]:
    """Return activities by name, those whose names come after one."""
    rows = _PAGE.all(connection, region=region, after=after, limit=limit)
    return [ActivityRow(*row) for row in rows]


def count(connection: Connection, region: str) -> int:
    """Return how many activities a region holds."""
    (found,) = _COUNT.all(connection, region=region)
    return int(found[0])


def insert(connection: Connection, row: ActivityRow) -> None:
    """Add an activity. The caller has looked for its name in the same transaction."""
    connection.execute(table.insert().values({name: getattr(row, name) for name in _NAMES}))


def remove(connection: Connection, arn: str) -> None:
    """Delete an activity with its tags; one that is not there is no error."""
    tags.drop_all(connection, arn)
    connection.execute(delete(table).where(table.c.arn == arn))
