"""Listings: the pages that a naive listing gives, at the cost of what they show."""

import json
import random
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.storage.objects.errors import BucketMissing
from outcrop.storage.objects.listing import common_prefix, roll_up, successor
from outcrop.storage.objects.records import ListedObject

Probe = Any  # conftest's StoreProbe: tests are no package to import it from
INSERT = """
INSERT INTO objects (bucket, key, content_id, size_bytes, etag, last_modified_us, storage_class,
                     parts_count, headers_json, metadata_json)
VALUES ('bucket', ?, ?, 1, 'e', 1, 'STANDARD', 0, '{}', '{}')
"""
KEYS = st.text("a/b~é\U0001f600\ud7ff\ue000\U0010ffff", min_size=1, max_size=6)


def entry(key: str) -> ListedObject:
    return ListedObject(key, 1, "e", 1, "STANDARD", None, None)


def fetcher(keys: list[str]) -> Callable[[str, str, int], list[ListedObject]]:
    in_order = sorted(keys)

    def fetch(start: str, end: str, count: int) -> list[ListedObject]:
        return [entry(key) for key in in_order if start <= key < end][:count]

    return fetch


def naive(keys: list[str], prefix: str, delimiter: str, after: str) -> list[str]:
    shown: list[str] = []
    for key in sorted(keys, key=str.encode):
        if key.startswith(prefix):
            item = common_prefix(key, prefix, delimiter) or key
            if item.encode() > after.encode() and item not in shown:
                shown.append(item)
    return shown


@given(
    st.lists(KEYS, unique=True, max_size=40),
    KEYS | st.just(""),
    st.sampled_from(["", "/", "~", "/a"]),
    KEYS | st.just(""),
    st.integers(1, 50),
)
def test_a_page_is_what_a_naive_listing_begins_with(
    keys: list[str], prefix: str, delimiter: str, after: str, limit: int
) -> None:
    expected = naive(keys, prefix, delimiter, after)
    page = roll_up(fetcher(keys), prefix, delimiter, after, limit)
    shown = sorted([item.key for item in page.entries] + page.common_prefixes, key=str.encode)
    assert shown == expected[:limit]
    assert page.next_marker == (expected[limit - 1] if len(expected) > limit else None)


@given(st.text(max_size=3), st.text(max_size=3))
def test_a_successor_is_above_all_that_begin_with_the_prefix_and_nothing_else(
    prefix: str, rest: str
) -> None:
    above = successor(prefix)
    assert (prefix + rest).encode() < above.encode()
    if rest and not rest.startswith(prefix) and rest > prefix:
        assert rest >= above


def test_no_key_is_shown_when_none_is_asked_for() -> None:
    page = roll_up(fetcher(["a", "b"]), "", "", "", 0)
    assert (page.entries, page.common_prefixes, page.next_marker) == ([], [], None)


@pytest.fixture
def twenty_thousand(probe: Probe) -> list[str]:
    draw = random.Random(1)
    keys = sorted(
        {
            f"{draw.choice('abc')}/{draw.randrange(300):03d}/"
            + "".join(draw.choices(string.ascii_letters, k=8))
            for _ in range(20_000)
        }
    )
    with probe.database.write() as connection:
        connection.connection.driver_connection.executemany(INSERT, [(key, key) for key in keys])
    return keys


async def test_twenty_thousand_keys_are_listed_in_pages_of_index_ranges(
    probe: Probe, twenty_thousand: list[str]
) -> None:
    found: list[str] = []
    after = ""
    while True:
        page = probe.store.page("bucket", after=after)
        found += [item.key for item in page.entries]
        if page.next_marker is None:
            break
        after = page.next_marker
    assert found == twenty_thousand


async def test_rolling_twenty_thousand_keys_up_reads_few_of_them(
    probe: Probe, twenty_thousand: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    selected = 0
    select_all = probe.store._lister._select.all

    def count(*arguments: object, **named: object) -> list[object]:
        nonlocal selected
        rows = list(select_all(*arguments, **named))
        selected += len(rows)
        return rows

    monkeypatch.setattr(probe.store._lister._select, "all", count)
    assert probe.store.page("bucket", delimiter="/").common_prefixes == ["a/", "b/", "c/"]
    assert selected < 500
    assert len(probe.store.page("bucket", prefix="b/", delimiter="/").common_prefixes) == 300
    assert probe.store.page("bucket", prefix="b/007/").entries[0].key == next(
        key for key in twenty_thousand if key.startswith("b/007/")
    )


async def test_a_page_is_one_range_of_the_primary_key(probe: Probe) -> None:
    driver = probe.database.reader.connection.driver_connection
    statements: list[str] = []
    driver.set_trace_callback(statements.append)
    probe.store.page("bucket", prefix="a")
    driver.set_trace_callback(None)
    plan = driver.execute(f"EXPLAIN QUERY PLAN {statements[-1]}").fetchall()
    steps = json.dumps([row[-1] for row in plan])
    assert "PRIMARY KEY (bucket=? AND key>? AND key<?)" in steps
    assert "TEMP B-TREE" not in steps


async def test_a_bucket_that_is_missing_cannot_be_listed(probe: Probe) -> None:
    with pytest.raises(BucketMissing):
        probe.store.page("elsewhere")
