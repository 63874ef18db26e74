"""Schema versions: what revision a database has, and how an older one is brought up to date.

Revisions are numbered files under `versions/`, frozen once released. A new database gets the tables as the code knows
them, which a test holds equal to what all revisions make. Alembic is imported only when there is something to migrate,
so that a start on a new or current home pays neither its time nor its memory.
"""

import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from outcrop.core.clock import Clock
from outcrop.core.errors import HomeError, StorageFull
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables import load_tables
from outcrop.storage.home import Home

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent
_ROOM_FACTOR = 2


def known_revisions() -> list[str]:
    """Return every revision of this version of the product, oldest first ("0001", "0002", …)."""
    return sorted(path.stem.split("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*_*.py"))


def newest_revision() -> str:
    """Return the revision that this version of the product works with."""
    return known_revisions()[-1]


def current_revision(database: Database) -> str | None:
    """Return the revision of a database, or None for one without our tables."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def upgrade(database: Database, revision: str | None = None) -> None:
    """Bring a database to a revision (the newest by default) in one transaction.

    Raises:
        HomeError: the database was made by a newer version of the product.
    """
    target = revision or newest_revision()
    current = current_revision(database)
    if current == target:
        return
    if current is not None and current not in known_revisions():
        raise HomeError(
            f"the database has schema {current}, which is newer than this version of Outcrop knows "
            f"({newest_revision()}): install the version that made it, or a later one"
        )
    if current is None and target == newest_revision():
        _create(database, target)
        return
    from alembic import command

    with database.write(durable=True) as connection:
        configuration = _configuration()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, target)


def _create(database: Database, revision: str) -> None:
    with database.write(durable=True) as connection:
        load_tables().create_all(connection)
        # As Alembic makes it; the next revision's migration will look for it.
        connection.exec_driver_sql(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
        connection.execute(
            text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision}
        )


def backup(home: Home, revision: str, clock: Clock) -> Path:
    """Copy the home's SQLite database into `backups/<time>-<revision>/` and return that folder.

    Raises:
        StorageFull: the disk has no room for the copy and the migration.
    """
    size_bytes = home.database.stat().st_size
    if shutil.disk_usage(home.path).free < _ROOM_FACTOR * size_bytes:
        raise StorageFull(
            f"no room to back up {home.database} ({size_bytes} bytes) before its migration"
        )
    folder = home.backups / f"{clock.now():%Y%m%dT%H%M%S%fZ}-{revision}"
    folder.mkdir(parents=True)
    with (
        sqlite3.connect(home.database) as source,
        sqlite3.connect(folder / home.database.name) as copy,
    ):
        source.backup(copy)
    # `with` on a sqlite3 connection ends a transaction, not the connection.
    source.close()
    copy.close()
    return folder


def bring_up_to_date(home: Home, database: Database, clock: Clock) -> Path | None:
    """Make or migrate the tables; return the folder of the backup when an older home was migrated.

    Raises:
        HomeError: the database was made by a newer version of the product.
        StorageFull: no room for the backup.
    """
    current = current_revision(database)
    saved = None
    if database.is_sqlite and current in known_revisions()[:-1]:
        assert current is not None
        saved = backup(home, current, clock)
    upgrade(database)
    return saved


def _configuration() -> "Config":
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration
