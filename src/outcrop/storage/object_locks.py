"""What keeps versions of objects from being deleted: retention periods and legal holds, by content.

The functions take a connection, so that a deletion and the look at its lock are one transaction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import Connection, bindparam, delete, insert, select

from outcrop.storage.database.tables.bucket_configuration import object_acls, object_locks
from outcrop.storage.objects.errors import ObjectStoreError
from outcrop.storage.objects.records import from_microseconds, to_microseconds
from outcrop.storage.prepared import Prepared

Mode = Literal["GOVERNANCE", "COMPLIANCE"]
_OF_CONTENT = Prepared(
    select(
        object_locks.c.mode, object_locks.c.retain_until_us, object_locks.c.has_legal_hold
    ).where(object_locks.c.content_id == bindparam("content_id"))
)


class ObjectLocked(ObjectStoreError):
    """A version of an object is under retention or legal hold."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What protects one version of an object.

    Attributes:
        mode: None without a retention.
        retain_until: None without a retention.
    """

    mode: Mode | None = None
    retain_until: datetime | None = None
    has_legal_hold: bool = False

    def is_retained(self, now: datetime) -> bool:
        """Whether its retention has not ended."""
        return self.retain_until is not None and self.retain_until > now

    def forbids_deletion(self, now: datetime, *, bypasses_governance: bool) -> bool:
        """Whether the version may not be deleted.

        Args:
            now: the present moment.
            bypasses_governance: whether a caller who may do so asks to pass over GOVERNANCE.
        """
        if self.has_legal_hold:
            return True
        passes_over = bypasses_governance and self.mode == "GOVERNANCE"
        return self.is_retained(now) and not passes_over


UNLOCKED = Lock()


def of(connection: Connection, content_id: str) -> Lock:
    """Return what protects a version."""
    row = _OF_CONTENT.first(connection, content_id=content_id)
    if row is None:
        return UNLOCKED
    mode, retain_until_us, has_legal_hold = row
    if not mode:
        return Lock(has_legal_hold=bool(has_legal_hold))
    return Lock(cast("Mode", mode), from_microseconds(retain_until_us), bool(has_legal_hold))


def put(connection: Connection, content_id: str, lock: Lock) -> None:
    """Protect a version in this way, and no other."""
    connection.execute(delete(object_locks).where(object_locks.c.content_id == content_id))
    if lock == UNLOCKED:
        return
    until = lock.retain_until
    row = {
        "content_id": content_id,
        "mode": lock.mode or "",
        "retain_until_us": 0 if until is None else to_microseconds(until),
        "has_legal_hold": lock.has_legal_hold,
    }
    connection.execute(insert(object_locks), row)


def require_unlocked(
    connection: Connection,
    content_ids: Iterable[str],
    now: datetime,
    *,
    bypasses_governance: bool = False,
) -> None:
    """Make sure, inside the transaction of a deletion, that versions may go.

    Raises:
        ObjectLocked: one of them may not.
    """
    for content_id in content_ids:
        lock = of(connection, content_id)
        if lock.forbids_deletion(now, bypasses_governance=bypasses_governance):
            raise ObjectLocked("Access Denied because object protected by object lock.")


def forget(connection: Connection, content_ids: Iterable[str]) -> None:
    """Remove what belonged to content that goes: its lock and its access control list."""
    for content_id in content_ids:
        for table in (object_locks, object_acls):
            connection.execute(delete(table).where(table.c.content_id == content_id))
