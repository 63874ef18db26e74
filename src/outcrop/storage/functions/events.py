"""Events that functions were sent: kept from the moment they are acknowledged until they are handled."""

from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from outcrop.storage.database.tables.functions import function_events
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event that waits, columns as in tables/functions.py."""

    id: str
    function_arn: str
    qualifier: str
    payload: bytes = field(repr=False)
    client_context: str
    accepted_us: int
    due_us: int
    attempts: int
    refusals: int
    outcome: bytes | None = field(repr=False)


_COLUMNS = [function_events.c[item.name] for item in fields(EventRow)]
_DUE = Prepared(
    select(*_COLUMNS)
    .where(function_events.c.due_us <= bindparam("now_us"))
    .order_by(function_events.c.due_us)
    .limit(bindparam("limit"))
)
_NEXT = Prepared(
    select(func.min(function_events.c.due_us)).where(function_events.c.due_us > bindparam("now_us"))
)
_COUNT = Prepared(select(func.count()).select_from(function_events))


def due(connection: Connection, now_us: int, limit: int) -> list[EventRow]:
    """Return events whose time has come, the longest due first."""
    return [EventRow(*row) for row in _DUE.all(connection, now_us=now_us, limit=limit)]


def next_due_us(connection: Connection, now_us: int) -> int | None:
    """Return when the next event is due of those that are not yet, None where none waits."""
    row = _NEXT.first(connection, now_us=now_us)
    return None if row is None else row[0]


def count(connection: Connection) -> int:
    """Return how many events wait."""
    row = _COUNT.first(connection)
    return 0 if row is None else int(row[0])


def insert(connection: Connection, row: EventRow) -> None:
    """Add an event."""
    connection.execute(
        function_events.insert().values(
            {item.name: getattr(row, item.name) for item in fields(row)}
        )
    )


def change(connection: Connection, event_id: str, **values: Any) -> None:
    """Set columns of an event."""
    connection.execute(
        update(function_events).where(function_events.c.id == event_id).values(**values)
    )


def remove(connection: Connection, event_id: str) -> None:
    """Delete an event that has been handled."""
    connection.execute(delete(function_events).where(function_events.c.id == event_id))
