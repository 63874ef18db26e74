"""When access keys and roles were last used: noted on every call, stored now and then."""

from datetime import datetime

from sqlalchemy import Connection

from outcrop.aws.operation import Principal
from outcrop.storage.database.engine import Database
from outcrop.storage.identities import entities
from outcrop.storage.identities.entities import LastUse

_STORE_EVERY_US = 60_000_000


class KeyUses:
    """Notes uses.

    Args:
        database: keeps them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._uses: dict[str, LastUse] = {}
        self._unstored: set[str] = set()
        self._stored_us: dict[str, int] = {}

    def note(self, principal: Principal, service: str, region: str, now: datetime) -> bool:
        """Remember that a user's key or a role was used; return whether `store` is due.

        What is noted reaches the database about once a minute for each key: it informs, and decides nothing.
        """
        if principal.type == "AssumedRole":
            used_id = principal.principal_id.partition(":")[0]
        elif principal.type == "User" and principal.session_issued_at is None:
            used_id = principal.access_key_id
        else:
            return False
        now_us = int(now.timestamp() * 1e6)
        self._uses[used_id] = LastUse(now_us, region, service)
        if now_us - self._stored_us.get(used_id, 0) < _STORE_EVERY_US:
            return False
        self._stored_us[used_id] = now_us
        self._unstored.add(used_id)
        return True

    def store(self) -> None:
        """Write the uses noted since the last time to the database; may run beside `note`."""
        with self._database.write() as connection:
            while self._unstored:
                used_id = self._unstored.pop()
                entities.record_use(connection, used_id, self._uses[used_id])

    def last(self, connection: Connection, used_id: str) -> LastUse | None:
        """Return when an access key or role was last used."""
        return self._uses.get(used_id) or entities.last_use(connection, used_id)
