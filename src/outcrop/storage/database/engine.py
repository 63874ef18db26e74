"""Connections to the database: cheap reads on every thread, one writer at a time.

On SQLite the file is in WAL mode: readers never wait for the writer. Writers of this process queue on a
lock rather than in SQLite's busy loop; writers of other connections to the file (the durable job queue
keeps its rows there too) are waited for up to the busy timeout.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, Self, cast

from sqlalchemy import Connection, Engine, Select, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import ConnectionPoolEntry

_BUSY_TIMEOUT_MILLISECONDS = 10_000
_READS_ONLY = "outcrop_reads_only"


class Cursor(Protocol):
    """What the drivers' cursors share (PEP 249)."""

    def execute(self, sql: str, parameters: Any, /) -> object:  # a list or a mapping, by driver
        """Run a statement."""

    def fetchone(self) -> object:
        """Return the next row or None."""

    def fetchall(self) -> object:
        """Return the remaining rows."""

    def close(self) -> None:
        """Let go of the rows."""


class Database:
    """The product's database.

    Args:
        url: SQLAlchemy URL, such as `sqlite:///home/outcrop.db` or `postgresql+psycopg://…`.
    """

    def __init__(self, url: str) -> None:
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine: Engine = _create_engine(url, is_sqlite=self.is_sqlite)
        self._writer = threading.Lock()
        self._local = threading.local()
        self._readers: list[Connection] = []

    @classmethod
    def at(cls, path: Path) -> Self:
        """Open (or make) the SQLite file at a path."""
        return cls(f"sqlite:///{path}")

    @property
    def url(self) -> str:
        """URL with its password, for others that connect to the same database."""
        return self.engine.url.render_as_string(hide_password=False)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give this thread's reading connection; each statement sees its own snapshot.

        The connection stays open between uses and must not be kept by the caller. Results are to be
        read to their end inside the block: an open cursor would keep the WAL from shrinking.
        """
        yield self.reader

    @property
    def reader(self) -> Connection:
        """This thread's reading connection, without the ceremony of a block, for the hottest paths."""
        connection: Connection | None = getattr(self._local, "reader", None)
        if connection is None:
            connection = self._open_reader()
            self._local.reader = connection
            self._readers.append(connection)
        return connection

    def prepare(self, statement: Select[*tuple[Any, ...]]) -> "PreparedSelect":
        """Compile a SELECT once, to be run many times at little more than the driver's own cost.

        Its parameters are `bindparam("name")`s. Values come as the driver gives them: INTEGER and TEXT
        as they are, a Boolean on SQLite as 0 or 1.
        """
        return PreparedSelect(self, statement)

    @property
    def reader_cursor(self) -> Cursor:
        """A fresh driver cursor on this thread's reading connection."""
        try:
            cursor: Cursor = self._local.driver.cursor()
        except AttributeError:
            self._local.driver = self.reader.connection.driver_connection
            cursor = self._local.driver.cursor()
        return cursor

    def _open_reader(self) -> Connection:
        connection = self.engine.connect()
        if not self.is_sqlite:
            return connection.execution_options(isolation_level="AUTOCOMMIT")
        connection = connection.execution_options(**{_READS_ONLY: True})
        connection.exec_driver_sql("PRAGMA query_only=ON")
        return connection

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Connection]:
        """Give a connection in a transaction: committed at the end, rolled back when the block raises.

        Args:
            durable: also survive a power failure right after the block (one disk flush more). A commit
                without it survives the death of the process, and never tears.

        Raises:
            RuntimeError: the thread is already inside a write block and would wait for itself.
        """
        if getattr(self._local, "is_writing", False):
            raise RuntimeError("a write block inside a write block: pass the connection on instead")
        with self._writer:
            self._local.is_writing = True
            try:
                with self.engine.connect() as connection:
                    if self.is_sqlite:
                        level = "FULL" if durable else "NORMAL"
                        driver = connection.connection.driver_connection
                        assert driver is not None
                        driver.execute(f"PRAGMA synchronous={level}")
                    with connection.begin():
                        yield connection
            finally:
                self._local.is_writing = False

    def close(self) -> None:
        """Close every connection of every thread."""
        for connection in self._readers:
            connection.close()
        self._readers.clear()
        self._local = threading.local()
        self.engine.dispose()


class PreparedSelect:
    """A SELECT compiled for one database: 10 µs a run on SQLite, where SQLAlchemy's own way takes 60."""

    def __init__(self, database: Database, statement: Select[*tuple[Any, ...]]) -> None:
        self._database = database
        compiled = statement.compile(dialect=database.engine.dialect)
        self._sql = str(compiled)
        self._constants = {
            name: value for name, value in compiled.params.items() if value is not None
        }
        self._positions = compiled.positiontup  # None where the driver binds by name

    def first(self, **parameters: object) -> tuple[Any, ...] | None:
        """Return the first row, or None when there is none."""
        cursor = self._execute(parameters)
        row = cursor.fetchone()
        cursor.close()
        return cast("tuple[Any, ...] | None", row)

    def all(self, **parameters: object) -> list[tuple[Any, ...]]:
        """Return every row."""
        cursor = self._execute(parameters)
        rows = cursor.fetchall()
        cursor.close()
        return cast("list[tuple[Any, ...]]", rows)

    def _execute(self, parameters: dict[str, object]) -> Cursor:
        if self._constants:
            parameters = {**self._constants, **parameters}
        cursor = self._database.reader_cursor
        if self._positions is None:
            cursor.execute(self._sql, parameters)
        else:
            cursor.execute(self._sql, [parameters[name] for name in self._positions])
        return cursor


def _create_engine(url: str, *, is_sqlite: bool) -> Engine:
    if not is_sqlite:
        return create_engine(url, pool_pre_ping=True, max_overflow=-1)
    engine = create_engine(
        url,
        # Connections move between threads only by way of `close`; each is used by one at a time.
        connect_args={"check_same_thread": False, "timeout": _BUSY_TIMEOUT_MILLISECONDS / 1000},
        # Every reading thread keeps a connection: the pool must never make one wait.
        max_overflow=-1,
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: `write` begins them, as IMMEDIATE.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_immediate(connection: Connection) -> None:
    # A deferred transaction that reads first and then writes fails when another writer came between;
    # taking the write lock at once waits instead. Readers are in autocommit and begin nothing.
    if not connection.get_execution_options().get(_READS_ONLY):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
