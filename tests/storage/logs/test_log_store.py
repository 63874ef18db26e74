"""The log store by itself: what a killed process leaves, what retention removes, what lies on disk."""

import json
import os
import time
from pathlib import Path

import pytest

from outcrop.core.clock import SystemClock
from outcrop.core.errors import SealBroken
from outcrop.crypto.key_source import FileKeySource
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import upgrade
from outcrop.storage.logs import LogStore, Span, rows
from outcrop.storage.service_keys import ServiceKeys

REGION = "us-east-1"
ALL = Span(0, 1 << 60)
DAY_MS = 86_400_000


class Stores:
    """Processes over one home, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database.at(folder / "rows.db")
        upgrade(self.database)
        self.keys = ServiceKeys(self.database, FileKeySource(folder / "key"))

    def open(self) -> LogStore:
        """Return a store as a new process would; one before it may have ended anyhow."""
        store = LogStore(self.folder / "log-events", self.database, self.keys, SystemClock())
        store._rouse = lambda: None  # type: ignore[method-assign]  # no thread: the test says when
        store._journal._wake = lambda: None
        return store

    def read(self, store: LogStore, group: str = "g", stream: str = "s") -> list[str]:
        """Return the messages of a stream."""
        store.settle()
        with self.database.read() as connection:
            group_row = rows.find_group(connection, REGION, group)
            assert group_row is not None
            stream_row = rows.find_stream(connection, group_row.id, stream)
            assert stream_row is not None
        return [event.message for event in store.events(group_row, stream_row, ALL)]


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return Stores(tmp_path)


def test_what_a_killed_process_was_given_is_there_for_the_next(stores: Stores) -> None:
    killed = stores.open()
    killed.append(REGION, "g", "s", [(2, "second"), (1, "first")])
    killed.append(REGION, "g", "s", [(3, "third")])

    assert stores.read(stores.open()) == ["first", "second", "third"]


def test_a_record_that_was_not_written_to_its_end_is_passed_over(stores: Stores) -> None:
    killed = stores.open()
    killed.append(REGION, "g", "s", [(1, "whole")])
    killed.append(REGION, "g", "s", [(2, "torn")])
    (journal,) = (stores.folder / "log-events" / "journal").iterdir()
    os.truncate(journal, journal.stat().st_size - 3)

    assert stores.read(stores.open()) == ["whole"]


@pytest.mark.parametrize("kept", ["journal", "journal and rows"])
def test_events_are_there_once_when_carrying_them_on_was_interrupted(
    stores: Stores, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = stores.open()
    first.append(REGION, "g", "s", [(1, "before")])
    first.settle()
    first.append(REGION, "g", "s", [(2, "a"), (2, "b")])

    def die(*_: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patched:
        if kept == "journal":
            patched.setattr(rows, "note_events", die)
        else:
            patched.setattr(first._journal, "finish", die)
        with pytest.raises(OSError, match="killed"):
            first.settle()

    second = stores.open()
    assert stores.read(second) == ["before", "a", "b"]
    second.append(REGION, "g", "s", [(3, "after")])
    assert stores.read(second) == ["before", "a", "b", "after"]
    with stores.database.read() as connection:
        group = rows.find_group(connection, REGION, "g")
        assert group is not None
        (stream,) = rows.streams(connection, group.id)
    assert stream.next_sequence == 4
    assert (stream.first_ms, stream.last_ms) == (1, 3)
    on_disk = sum(path.stat().st_size for path in stores.folder.rglob("*.segment"))
    assert stream.stored_bytes == on_disk


def test_a_torn_block_at_the_end_of_a_file_is_replaced_by_the_journals(stores: Stores) -> None:
    first = stores.open()
    first.append(REGION, "g", "s", [(1, "before")])
    first.settle()
    (segment,) = stores.folder.rglob("*.segment")
    whole = segment.read_bytes()
    first.append(REGION, "g", "s", [(2, "again")])
    segment.write_bytes(whole + whole[: len(whole) // 2])

    assert stores.read(stores.open()) == ["before", "again"]


def test_nothing_of_a_message_lies_readable_on_disk(stores: Stores) -> None:
    secret = "the quick brown secret"
    store = stores.open()
    store.append(REGION, "g", "s", [(1, secret)])
    in_journal = [path.read_bytes() for path in stores.folder.rglob("*") if path.is_file()]
    assert stores.read(store) == [secret]
    at_rest = [path.read_bytes() for path in stores.folder.rglob("*") if path.is_file()]

    assert not any(secret.encode() in content for content in in_journal + at_rest)


def test_a_block_that_was_changed_or_moved_does_not_open(stores: Stores) -> None:
    store = stores.open()
    store.append(REGION, "g", "s", [(1, "mine")])
    store.append(REGION, "g", "other", [(1, "theirs")])
    store.settle()
    one, other = sorted(stores.folder.rglob("*.segment"))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)

    with pytest.raises(SealBroken):
        stores.read(stores.open())


def test_retention_removes_files_whose_events_are_all_past_it(stores: Stores) -> None:
    now = int(time.time() * 1000)
    store = stores.open()
    store.append(REGION, "g", "old", [(now - 5 * DAY_MS, "old")])
    store.append(REGION, "g", "mixed", [(now - 5 * DAY_MS, "old"), (now, "new")])
    store.settle()
    with stores.database.write() as connection:
        group = rows.find_group(connection, REGION, "g")
        assert group is not None
        rows.update_group(connection, group.id, retention_days=3)

    freed = store.sweep()

    assert freed > 0
    assert len(list(stores.folder.rglob("*.segment"))) == 1
    assert stores.read(store, stream="old") == []
    assert stores.read(store, stream="mixed") == ["new"]


def test_files_of_groups_whose_deletion_was_interrupted_are_removed_at_the_start(
    stores: Stores,
) -> None:
    store = stores.open()
    store.append(REGION, "g", "s", [(1, "x")])
    store.settle()
    with stores.database.write() as connection:
        group = rows.find_group(connection, REGION, "g")
        assert group is not None
        rows.delete_group(connection, group, "arn")

    stores.open().start()

    assert list(stores.folder.rglob("*.segment")) == []


def test_many_blocks_out_of_order_are_read_in_order_both_ways(stores: Stores) -> None:
    store = stores.open()
    for start in (50, 10, 30, 0, 40, 20):
        store.append(REGION, "g", "s", [(start + step, f"{start + step}") for step in range(15)])
        store.settle()
    with stores.database.read() as connection:
        group = rows.find_group(connection, REGION, "g")
        assert group is not None
        (stream,) = rows.streams(connection, group.id)

    ahead = [event.timestamp_ms for event in store.events(group, stream, Span(5, 62))]
    back = [
        event.timestamp_ms for event in store.events(group, stream, Span(5, 62), newest_first=True)
    ]

    expected = sorted(
        start + step
        for start in (50, 10, 30, 0, 40, 20)
        for step in range(15)
        if 5 <= start + step <= 62
    )
    assert ahead == expected
    assert back == expected[::-1]


def test_a_large_batch_is_cut_into_blocks_and_read_whole(stores: Stores) -> None:
    store = stores.open()
    texts = [json.dumps({"n": number, "text": "x" * 10_000}) for number in range(100)]
    store.append(REGION, "g", "s", list(enumerate(texts)))

    assert stores.read(store) == texts
