"""Connections: readers beside a writer, writers one after the other, all or nothing."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from outcrop.core.errors import StorageFull
from outcrop.storage.database.engine import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(tmp_path / "outcrop.db")
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (value INTEGER)")
        connection.exec_driver_sql("INSERT INTO counter VALUES (0)")
    yield database
    database.close()


def value(database: Database) -> int:
    with database.read() as connection:
        return int(connection.exec_driver_sql("SELECT value FROM counter").scalar_one())


def test_what_a_block_wrote_is_there_after_it(database: Database) -> None:
    with database.write(durable=True) as connection:
        connection.exec_driver_sql("UPDATE counter SET value = 7")
        assert value(database) == 0
    assert value(database) == 7


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE counter SET value = 7")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert value(database) == 0


def test_tables_are_made_and_unmade_with_their_transaction(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE other (value INTEGER)")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    with database.read() as connection, pytest.raises(OperationalError, match="no such table"):
        connection.exec_driver_sql("SELECT * FROM other")


def test_a_reading_connection_cannot_write(database: Database) -> None:
    with database.read() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.exec_driver_sql("UPDATE counter SET value = 7")


def test_a_write_block_inside_a_write_block_is_refused_rather_than_waiting_forever(
    database: Database,
) -> None:
    def nest() -> None:
        with database.write(), database.write():
            pass

    with pytest.raises(RuntimeError, match="inside a write block"):
        nest()
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE counter SET value = 1")
    assert value(database) == 1


def test_writers_on_many_threads_lose_no_update(database: Database) -> None:
    def add(_: int) -> None:
        with database.write() as connection:
            before = connection.exec_driver_sql("SELECT value FROM counter").scalar_one()
            connection.exec_driver_sql("UPDATE counter SET value = ?", (before + 1,))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(200)))
    assert value(database) == 200


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE counter SET value = 7")
            entered.set()
            leave.wait(10)

    writer = threading.Thread(target=hold)
    writer.start()
    entered.wait(10)
    started = time.monotonic()
    assert value(database) == 0
    assert time.monotonic() - started < 1
    leave.set()
    writer.join()
    assert value(database) == 7


def test_another_process_that_writes_is_waited_for(database: Database, tmp_path: Path) -> None:
    other = Database.at(tmp_path / "outcrop.db")
    with ThreadPoolExecutor(1) as threads:
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE counter SET value = 1")

            def add() -> None:
                with other.write() as theirs:
                    theirs.exec_driver_sql("UPDATE counter SET value = value + 1")

            waiting = threads.submit(add)
            time.sleep(0.05)
        waiting.result()
    assert value(database) == 2
    other.close()


def test_a_full_disk_is_said_so_and_leaves_nothing(database: Database) -> None:
    def fill() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 8")
            connection.exec_driver_sql("UPDATE counter SET value = zeroblob(1000000)")

    with pytest.raises(StorageFull, match="full"):
        fill()
    assert value(database) == 0
