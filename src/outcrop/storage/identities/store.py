"""The door to the identity tables: every change raises a generation, so that whatever was cached is noticed as old."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Integer, Text, bindparam, cast, select, update

from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.identities import iam_settings
from outcrop.storage.prepared import Prepared

_SETTING = Prepared(select(iam_settings.c.value).where(iam_settings.c.name == bindparam("setting")))
_RAISE_GENERATION = (
    update(iam_settings)
    .where(iam_settings.c.name == "generation")
    .values(value=cast(cast(iam_settings.c.value, Integer) + 1, Text))
)
_ALIAS = "account-alias"


class IdentityStore:
    """Reads and writes the identity tables.

    Args:
        database: the product's database.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._generation = self._stored_generation()

    @property
    def generation(self) -> int:
        """A number that differs after every change; read it before the data that is to be cached under it.

        An SQLite home has one server, whose own count is enough; on a shared database the row is asked.
        """
        return self._generation if self.database.is_sqlite else self._stored_generation()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection in a durable transaction that raises the generation.

        The first statement locks the generation's row, so changes of several servers come one after the other.
        """
        with self.database.write(durable=True) as connection:
            connection.execute(_RAISE_GENERATION)
            yield connection
        self._generation += 1

    def _stored_generation(self) -> int:
        row = _SETTING.first(self.database.reader, setting="generation")
        assert row is not None, "the migrations insert it"
        return int(row[0])


def account_alias(connection: Connection) -> str:
    """Return the account's alias, or "" where it has none."""
    row = _SETTING.first(connection, setting=_ALIAS)
    return "" if row is None else str(row[0])


def set_account_alias(connection: Connection, alias: str) -> None:
    """Give the account an alias in the place of any it has; "" takes it away."""
    connection.execute(iam_settings.delete().where(iam_settings.c.name == _ALIAS))
    if alias:
        connection.execute(iam_settings.insert().values(name=_ALIAS, value=alias))
