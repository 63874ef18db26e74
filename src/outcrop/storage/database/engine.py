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
from typing import Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from outcrop.core.errors import StorageFull

_BUSY_TIMEOUT_MILLISECONDS = 10_000
_READS_ONLY = "outcrop_reads_only"


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
        self._writes = 0

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
        """This thread's reading connection, without a block around it, for the hottest paths."""
        connection: Connection | None = getattr(self._local, "reader", None)
        if connection is None:
            connection = self._open_reader()
            self._local.reader = connection
            self._readers.append(connection)
        return connection

    def state(self) -> tuple[Connection, int] | None:
        """Return what differs from what this thread was last told if a `write` block has ended meanwhile.

        None where others write to the database, too: on a database server. A SQLite file is one server's.
        """
        return (self.reader, self._writes) if self.is_sqlite else None

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
            StorageFull: the disk has no room for what the block wrote.
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
            except OperationalError as error:
                if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                    raise StorageFull("the disk that holds the database is full") from error
                raise
            finally:
                self._local.is_writing = False
                self._writes += 1

    def close(self) -> None:
        """Close every connection of every thread."""
        for connection in self._readers:
            connection.close()
        self._readers.clear()
        self._local = threading.local()
        self.engine.dispose()


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
