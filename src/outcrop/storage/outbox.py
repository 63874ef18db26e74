"""The outbox: every mail that was accepted, and how far its delivery came."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from outcrop.storage.database.tables.mail import outbox as table
from outcrop.storage.prepared import Prepared


class MailState(StrEnum):
    """How far a mail is.

    Attributes:
        KEPT: no mail server is configured; it stays here until one is.
        QUEUED: to be delivered, now or at its next attempt.
        HANDED_OVER: its last byte is about to go out; recorded before, so that a crash here is known.
        UNCERTAIN: the server died after that; whether the mail server took it nobody knows, and it is not sent again.
        SENT: the mail server took it for every recipient it did not refuse.
        FAILED: it will not be delivered.
    """

    KEPT = "kept"
    QUEUED = "queued"
    HANDED_OVER = "handed over"
    UNCERTAIN = "uncertain"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class MailRow:
    """One mail without its content, columns as in tables/mail.py."""

    id: str
    region: str
    service: str
    created_us: int
    state: str
    sender: str
    recipients_json: str
    pending_json: str
    subject: str
    size_bytes: int
    attempts: int
    next_us: int
    ended_us: int | None
    detail: str
    lineage_root: str | None = None
    lineage_run: str | None = None

    @property
    def recipients(self) -> list[str]:
        """Everybody it is for."""
        recipients: list[str] = json.loads(self.recipients_json)
        return recipients

    @property
    def pending(self) -> list[str]:
        """Those who neither have it nor were refused."""
        pending: list[str] = json.loads(self.pending_json)
        return pending


_COLUMNS = [table.c[item.name] for item in fields(MailRow)]
_BY_ID = Prepared(select(*_COLUMNS).where(table.c.id == bindparam("id")))
_MESSAGE = Prepared(select(table.c.message).where(table.c.id == bindparam("id")))
_DUE = Prepared(
    select(*_COLUMNS)
    .where(table.c.state == MailState.QUEUED.value, table.c.next_us <= bindparam("now_us"))
    .order_by(table.c.next_us, table.c.created_us)
    .limit(bindparam("limit"))
)
_OF_LINEAGE = Prepared(
    select(*_COLUMNS)
    .where(table.c.lineage_root == bindparam("root"))
    .order_by(table.c.created_us, table.c.id)
)
_NEXT = Prepared(select(func.min(table.c.next_us)).where(table.c.state == MailState.QUEUED.value))
_NEWEST = Prepared(
    select(*_COLUMNS).order_by(table.c.created_us.desc(), table.c.id).limit(bindparam("limit"))
)
_ACCEPTED_SINCE = Prepared(
    select(table.c.created_us, table.c.recipients_json, table.c.state).where(
        table.c.region == bindparam("region"),
        table.c.service == bindparam("service"),
        table.c.created_us >= bindparam("since_us"),
    )
)


def insert(connection: Connection, row: MailRow, message: bytes) -> None:
    """Add a mail.

    Args:
        message: sealed.
    """
    values: dict[str, Any] = {item.name: getattr(row, item.name) for item in fields(MailRow)}
    connection.execute(table.insert().values(message=message, **values))


def get(connection: Connection, mail_id: str) -> MailRow | None:
    """Return a mail."""
    row = _BY_ID.first(connection, id=mail_id)
    return None if row is None else MailRow(*row)


def of_lineage(connection: Connection, root: str) -> list[MailRow]:
    """Return the mails that a piece of work has sent, in all its runs, the oldest first."""
    return [MailRow(*row) for row in _OF_LINEAGE.all(connection, root=root)]


def message(connection: Connection, mail_id: str) -> bytes:
    """Return the sealed content of a mail that is there."""
    row = _MESSAGE.first(connection, id=mail_id)
    assert row is not None
    return bytes(row[0])


def due(connection: Connection, now_us: int, limit: int) -> list[MailRow]:
    """Return mails whose time has come, the longest waiting first."""
    return [MailRow(*row) for row in _DUE.all(connection, now_us=now_us, limit=limit)]


def next_attempt_us(connection: Connection) -> int | None:
    """Return when the next mail is due, or None where none waits."""
    row = _NEXT.first(connection)
    return None if row is None else row[0]


def newest(connection: Connection, limit: int) -> list[MailRow]:
    """Return the mails accepted last, the newest first."""
    return [MailRow(*row) for row in _NEWEST.all(connection, limit=limit)]


def accepted_since(
    connection: Connection, region: str, service: str, since_us: int
) -> list[tuple[int, int, MailState]]:
    """Return when mails of a service were accepted, for how many recipients, and how far they are."""
    found = _ACCEPTED_SINCE.all(connection, region=region, service=service, since_us=since_us)
    return [
        (created, len(json.loads(recipients)), MailState(state))
        for created, recipients, state in found
    ]


def change(connection: Connection, mail_id: str, **values: object) -> None:
    """Set columns of a mail."""
    connection.execute(update(table).where(table.c.id == mail_id).values(**values))


def move(
    connection: Connection, before: Iterable[MailState], after: MailState, values: Mapping[str, Any]
) -> int:
    """Set the state, and further columns, of every mail in one of some states; return of how many."""
    states = [state.value for state in before]
    result = connection.execute(
        update(table).where(table.c.state.in_(states)).values(state=after.value, **values)
    )
    return result.rowcount


def prune(connection: Connection, states: Iterable[MailState], before_us: int) -> None:
    """Delete mails that ended in one of some states before a time."""
    connection.execute(
        delete(table).where(
            table.c.state.in_([state.value for state in states]), table.c.ended_us < before_us
        )
    )
