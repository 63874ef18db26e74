"""Migrations: the newest schema from nothing and from each older one, with the data kept."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from outcrop.core.clock import SystemClock
from outcrop.core.errors import HomeError
from outcrop.storage.database import migrations
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables import load_tables
from outcrop.storage.home import Home

INSERT_BUCKET = "INSERT INTO buckets (name, region, created_us) VALUES ('kept', 'us-east-1', 1)"
INSERT_OBJECT = """
INSERT INTO objects (bucket, key, content_id, size_bytes, etag, last_modified_us, storage_class,
                     parts_count, headers_json, metadata_json)
VALUES ('kept', 'key', 'c1', 3, 'e', 1, 'STANDARD', 0, '{}', '{"a": "b"}')
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    database = Database.at(home.database)
    yield database
    database.close()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_new_home_gets_the_newest_schema_and_no_backup(home: Home, database: Database) -> None:
    assert migrations.current_revision(database) is None
    assert migrations.bring_up_to_date(home, database, SystemClock()) is None
    assert migrations.current_revision(database) == migrations.newest_revision()
    assert list(home.backups.iterdir()) == []


def migrated(database: Database) -> None:
    """Bring a new database to the newest revision by every migration there is."""
    migrations.upgrade(database, migrations.known_revisions()[0])
    migrations.upgrade(database)


def test_the_tables_in_code_are_those_that_the_migrations_make(database: Database) -> None:
    migrated(database)
    with database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, load_tables()) == []


def test_a_new_database_is_the_same_as_a_migrated_one(database: Database, tmp_path: Path) -> None:
    migrated(database)
    new = Database.at(tmp_path / "new.db")
    migrations.upgrade(new)
    assert statements(new) == statements(database)
    assert contents(new) == contents(database)
    new.close()


def contents(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of every table, the revision's among them."""
    with database.read() as connection:
        tables = [*load_tables().tables, "alembic_version"]
        return {
            name: [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {name}")]
            for name in tables
        }


def statements(database: Database) -> dict[str, str]:
    """Return what makes each table and index, without blanks and quotes."""
    with database.read() as connection:
        found = connection.exec_driver_sql("SELECT name, coalesce(sql, '') FROM sqlite_master")
        return {str(name): re.sub(r'[\s"]', "", str(sql)) for name, sql in found.all()}


def test_revisions_are_numbered_in_one_line_without_gaps() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_current_head() == migrations.newest_revision()
    in_order = [revision.revision for revision in script.walk_revisions()][::-1]
    assert in_order == migrations.known_revisions()
    assert in_order == [f"{number:04d}" for number in range(1, len(in_order) + 1)]


@pytest.mark.parametrize("revision", migrations.known_revisions()[:-1])
def test_an_older_home_is_backed_up_and_migrated_with_its_data(
    home: Home, database: Database, revision: str
) -> None:
    migrations.upgrade(database, revision)
    with database.write() as connection:
        connection.exec_driver_sql(INSERT_BUCKET)
        connection.exec_driver_sql(INSERT_OBJECT)
    database.close()

    newer = Database.at(home.database)
    saved = migrations.bring_up_to_date(home, newer, SystemClock())
    with newer.read() as connection:
        found = connection.exec_driver_sql("SELECT key, metadata_json FROM objects").all()
    newer.close()

    assert [tuple(row) for row in found] == [("key", '{"a": "b"}')]
    assert saved is not None
    assert saved.name.endswith(f"-{revision}")
    copy = saved / "outcrop.db"
    assert rows(copy, "SELECT version_num FROM alembic_version") == [(revision,)]
    assert rows(copy, "SELECT key FROM objects") == [("key",)]


def test_a_home_of_a_newer_version_is_refused_untouched(home: Home, database: Database) -> None:
    migrations.upgrade(database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(HomeError, match="schema 9999, which is newer"):
        migrations.bring_up_to_date(home, database, SystemClock())
    assert migrations.current_revision(database) == "9999"
    assert list(home.backups.iterdir()) == []


def test_a_migration_that_fails_leaves_the_older_schema_whole(database: Database) -> None:
    migrations.upgrade(database, migrations.known_revisions()[0])
    with database.write() as connection:
        # In the way of a later revision, which therefore fails half way.
        connection.exec_driver_sql("ALTER TABLE uploads ADD COLUMN checksum_type TEXT")
    with pytest.raises(Exception, match="duplicate column"):
        migrations.upgrade(database)
    assert migrations.current_revision(database) == migrations.known_revisions()[0]
    with database.read() as connection:
        columns = connection.exec_driver_sql("SELECT name FROM pragma_table_info('objects')").all()
    assert ("checksum_value",) not in [tuple(column) for column in columns]


def test_a_home_works_from_another_place(home: Home, database: Database, tmp_path: Path) -> None:
    migrations.bring_up_to_date(home, database, SystemClock())
    with database.write() as connection:
        connection.exec_driver_sql(INSERT_BUCKET)
    database.close()
    shutil.move(home.path, tmp_path / "elsewhere")

    moved = Home(tmp_path / "elsewhere")
    reopened = Database.at(moved.database)
    assert migrations.bring_up_to_date(moved, reopened, SystemClock()) is None
    with reopened.read() as connection:
        assert connection.exec_driver_sql("SELECT name FROM buckets").scalar_one() == "kept"
    reopened.close()


def test_two_backups_of_one_revision_do_not_meet(home: Home, database: Database) -> None:
    class StandingClock:
        def __init__(self) -> None:
            self.microsecond = 0

        def now(self) -> datetime:
            self.microsecond += 1
            return datetime(2026, 1, 1, microsecond=self.microsecond, tzinfo=UTC)

    migrations.upgrade(database)
    clock = StandingClock()
    first = migrations.backup(home, "0001", clock)
    assert migrations.backup(home, "0001", clock) != first
