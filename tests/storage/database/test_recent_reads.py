"""Reads are repeated when something may have been written."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from outcrop.storage.database.engine import Database
from outcrop.storage.database.recent_reads import RecentReads


class Counted:
    """A read of the one number in a database, and how often it was made."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.at(folder / "numbers.db")
        with self.database.write() as connection:
            connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
            connection.execute(text("INSERT INTO numbers VALUES (1)"))
        self.recent: RecentReads[int] = RecentReads(self.database)
        self.reads = 0

    def set(self, number: int) -> None:
        with self.database.write() as connection:
            connection.execute(text("UPDATE numbers SET number = :number"), {"number": number})

    def get(self) -> int:
        return self.recent.get("number", self._read)

    def _read(self) -> int:
        self.reads += 1
        return int(self.database.reader.execute(text("SELECT number FROM numbers")).scalar_one())


def test_a_read_is_made_once_until_somebody_commits(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    assert [counted.get() for _ in range(5)] == [1] * 5
    assert counted.reads == 1
    counted.set(2)
    assert [counted.get() for _ in range(5)] == [2] * 5
    assert counted.reads == 2


def test_a_write_that_failed_counts_for_nothing(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    assert counted.get() == 1
    with pytest.raises(OperationalError, match="no such table"), counted.database.write() as rows:
        rows.execute(text("UPDATE absent SET number = 3"))
    assert counted.get() == 1


def test_threads_do_not_share_what_they_read(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    assert counted.get() == 1
    counted.set(2)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(counted.get()))
    thread.start()
    thread.join()
    assert found == [2]
    assert counted.get() == 2


def test_a_new_connection_begins_anew(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    assert counted.get() == 1
    counted.database.close()
    counted.set(2)
    counted.database.close()
    assert counted.get() == 2
