"""Durable workflows in processes that are killed."""

import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from outcrop.storage.database.engine import Database

# A process with one workflow of two steps; each writes what it does into the log beside the database. "die"
# kills it in the second step, the first time.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from sqlalchemy import text
from outcrop.storage.database.engine import Database
from outcrop.storage.durable import Durable

path, mode = Path(sys.argv[1]), sys.argv[2]
database = Database.at(path)
durable = Durable(database, {"work": 1})

def note(line):
    with path.with_suffix(".log").open("a") as log:
        log.write(line + "\\n")

def run(job):
    first = durable.step("first", lambda: (note("first"), {"answer": 42})[1])
    def second():
        note(f"second {first['answer']}")
        if mode == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        for _ in range(20 if mode == "linger" else 0):
            durable.check_stopping()
            time.sleep(0.1)
        return "done"
    note(durable.step("second", second))
    with database.write() as connection:
        connection.execute(text("UPDATE work SET status = 'done' WHERE id = :id"), {"id": job})

durable.register("two steps", run, "work")
durable.launch()
if len(sys.argv) > 3:
    try:
        with database.write() as connection:
            connection.execute(text("INSERT INTO work VALUES (:id, 'new')"), {"id": sys.argv[3]})
            durable.enqueue(connection, "two steps", sys.argv[3], sys.argv[3])
            if mode == "roll back":
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
if mode == "linger":
    time.sleep(1.0)
deadline = time.monotonic() + (0.4 if mode == "at once" else 20.0)
while mode != "linger" and time.monotonic() < deadline:
    with database.read() as connection:
        if not connection.exec_driver_sql("SELECT 1 FROM work WHERE status = 'new'").fetchall():
            break
    time.sleep(0.05)
durable.shutdown()
database.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "outcrop.db"
    database = Database.at(place)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE work (id TEXT PRIMARY KEY, status TEXT)")
    database.close()
    return place


def run(path: Path, mode: str, *arguments: str) -> int:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(path), mode, *arguments]
    return subprocess.run(command, check=False, timeout=60).returncode


def rows(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT id, status FROM work ORDER BY id").fetchall()
    connection.close()
    return found


def lines(path: Path) -> list[str]:
    log = path.with_suffix(".log")
    return log.read_text().splitlines() if log.exists() else []


def journal_forms(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT DISTINCT serialization FROM workflow_status").fetchall()
    connection.close()
    return {row[0] for row in found}


def test_a_workflow_killed_in_a_step_goes_on_at_the_next_launch_from_that_step(path: Path) -> None:
    assert run(path, "die", "a") == -signal.SIGKILL
    assert rows(path) == [("a", "new")]

    assert run(path, "live") == 0

    assert rows(path) == [("a", "done")]
    assert lines(path) == ["first", "second 42", "second 42", "done"]


def test_a_workflow_of_a_transaction_that_is_rolled_back_never_runs(path: Path) -> None:
    assert run(path, "roll back", "a") == 0
    assert run(path, "live") == 0

    assert rows(path) == []
    assert lines(path) == []


def test_a_shutdown_in_a_step_is_no_outcome(path: Path) -> None:
    assert run(path, "linger", "a") == 0
    assert rows(path) == [("a", "new")]

    assert run(path, "live") == 0

    assert rows(path) == [("a", "done")]


def test_a_finished_workflow_does_not_run_again(path: Path) -> None:
    assert run(path, "live", "a") == 0
    assert run(path, "live") == 0

    assert lines(path) == ["first", "second 42", "done"]
    assert journal_forms(path) == {"portable_json"}, "pickle must not be in it"


def test_a_workflow_starts_at_once(path: Path) -> None:
    assert run(path, "at once", "a") == 0

    assert lines(path)[:1] == ["first"]
