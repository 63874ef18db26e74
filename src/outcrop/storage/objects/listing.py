"""Listings: pages of keys in byte order, rolled up at a delimiter, each page a few index ranges."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from heapq import merge

from sqlalchemy import Table, bindparam, literal_column, or_, select
from sqlalchemy.sql import ColumnElement

from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables import objects as tables
from outcrop.storage.objects.records import ListedObject, ListedVersion, Listing
from outcrop.storage.prepared import Prepared

_FIRST_BATCH = 32
_LAST_CHARACTER = 0x10FFFF
# Above every key: keys are at most 1024 bytes of UTF-8 and no character is above this one.
_ABOVE_ALL_KEYS = chr(_LAST_CHARACTER) * 257
_NEWEST = -(1 << 63)  # below every recency


def successor(prefix: str) -> str:
    """Return the least text above every text that begins with a prefix.

    Code points order as UTF-8 bytes do, so the last one is counted up, past the surrogates, which no
    UTF-8 text has.
    """
    while prefix:
        last = ord(prefix[-1]) + 1
        if last <= _LAST_CHARACTER:
            return prefix[:-1] + chr(0xE000 if last == 0xD800 else last)
        prefix = prefix[:-1]
    return _ABOVE_ALL_KEYS


def common_prefix(key: str, prefix: str, delimiter: str) -> str | None:
    """Return what a key is rolled up into: up to the first delimiter after the prefix; or None."""
    if not delimiter:
        return None
    end = key.find(delimiter, len(prefix))
    return None if end < 0 else key[: end + len(delimiter)]


class ObjectLister:
    """Lists the objects of a bucket."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._select_shown = _select_versions(tables.objects)
        self._select_behind = _select_versions(tables.object_versions)
        columns = tables.objects.c
        self._select = Prepared(
            select(
                columns.key,
                columns.last_modified_us,
                columns.etag,
                columns.size_bytes,
                columns.storage_class,
                columns.checksum_algorithm,
                columns.checksum_type,
            )
            .where(*_in_range(tables.objects))
            .order_by(columns.key)
            .limit(bindparam("limit"))
            .offset(
                literal_column("0")
            )  # SQLite's dialect writes an OFFSET of its own, as a parameter
        )

    def page(
        self, bucket: str, prefix: str, delimiter: str, after: str, limit: int
    ) -> Listing[ListedObject]:
        """Return a page of at most `limit` entries and common prefixes, beginning after a marker."""

        def fetch(start: str, end: str, count: int) -> list[ListedObject]:
            found = self._select.all(
                self._database.reader, bucket=bucket, start=start, end=end, limit=count
            )
            return [ListedObject(*row) for row in found]

        return roll_up(fetch, prefix, delimiter, after, limit)

    def page_of_versions(  # noqa: PLR0913  # as of S3's listing
        self,
        bucket: str,
        prefix: str,
        delimiter: str,
        after: str,
        *,
        limit: int,
        after_recency: int | None = None,
    ) -> Listing[ListedVersion]:
        """Return a page of versions and delete markers, newest first within each key.

        Args:
            bucket: the bucket.
            prefix: what keys begin with.
            delimiter: what keys are rolled up at.
            after: key or common prefix that the page begins after.
            limit: how many entries and common prefixes at most.
            after_recency: with it, the page begins within the key `after`, at the versions older than this.
        """
        start, end = max(prefix, _just_after(after, prefix, delimiter)), successor(prefix)
        least = _NEWEST
        if after_recency is not None and after >= prefix:
            start, least = after, after_recency + 1
        listing: Listing[ListedVersion] = Listing([], [], None)
        last = ""
        while True:
            for entry in self._versions(bucket, start, least, end, limit):
                if len(listing.entries) + len(listing.common_prefixes) == limit:
                    return Listing(listing.entries, listing.common_prefixes, last or None)
                rolled = common_prefix(entry.key, prefix, delimiter)
                if rolled is not None:
                    listing.common_prefixes.append(rolled)
                    last, start, least = rolled, successor(rolled), _NEWEST
                    break  # jump over what has been rolled up
                listing.entries.append(entry)
                last = entry.key
            else:
                return listing

    def _versions(
        self, bucket: str, start: str, least: int, end: str, limit: int
    ) -> Iterator[ListedVersion]:
        """Yield versions from (start, least) on, newest first within a key, with `is_latest` set."""
        former = None
        if least != _NEWEST:
            newest = self._first(bucket, start)
            # Newer ones may have been deleted since the page before.
            former = start if newest is not None and newest.recency < least else None
        streams = (
            self._rows(prepared, bucket, (start, least), end, limit)
            for prepared in (self._select_shown, self._select_behind)
        )
        for entry in merge(*streams, key=lambda item: (item.key, item.recency)):
            yield replace(entry, is_latest=entry.key != former)
            former = entry.key

    def _first(self, bucket: str, key: str) -> ListedVersion | None:
        for prepared in (self._select_shown, self._select_behind):
            for entry in self._rows(prepared, bucket, (key, _NEWEST), key + "\0", 0):
                return entry
        return None

    def _rows(
        self, prepared: Prepared, bucket: str, begin: tuple[str, int], end: str, limit: int
    ) -> Iterator[ListedVersion]:
        count = min(_FIRST_BATCH, limit + 1)
        while True:
            rows = prepared.all(
                self._database.reader,
                bucket=bucket,
                start=begin[0],
                least=begin[1],
                end=end,
                limit=count,
            )
            for row in rows:
                yield ListedVersion(*row)
            if len(rows) < count:
                return
            begin = (rows[-1][0], rows[-1][1] + 1)
            count = min(2 * count, 1000)


def _select_versions(table: Table) -> Prepared:
    columns = table.c
    is_marker = literal_column("0") if table is tables.objects else columns.is_marker
    return Prepared(
        select(
            columns.key,
            columns.recency,
            columns.version_id,
            is_marker,
            columns.last_modified_us,
            columns.etag,
            columns.size_bytes,
            columns.storage_class,
            columns.checksum_algorithm,
            columns.checksum_type,
        )
        .where(
            *_in_range(table),
            or_(columns.key > bindparam("start"), columns.recency >= bindparam("least")),
        )
        .order_by(columns.key, columns.recency)
        .limit(bindparam("limit"))
        .offset(literal_column("0"))  # as above
    )


def roll_up(
    fetch: Callable[[str, str, int], list[ListedObject]],
    prefix: str,
    delimiter: str,
    after: str,
    limit: int,
) -> Listing[ListedObject]:
    """Read batches of keys and jump over whatever has been rolled up already.

    `fetch(start, end, count)` returns up to so many objects with start <= key < end, in order.
    """
    listing: Listing[ListedObject] = Listing([], [], None)
    start, end = max(prefix, _just_after(after, prefix, delimiter)), successor(prefix)
    batch_size, last = (_FIRST_BATCH if delimiter else limit + 1), ""
    while True:
        batch = fetch(start, end, batch_size)
        for entry in batch:
            if entry.key < start:
                continue
            if len(listing.entries) + len(listing.common_prefixes) == limit:
                return Listing(listing.entries, listing.common_prefixes, last or None)
            rolled = common_prefix(entry.key, prefix, delimiter)
            if rolled is None:
                listing.entries.append(entry)
                last, start = entry.key, entry.key + "\0"
            else:
                listing.common_prefixes.append(rolled)
                last, start = rolled, successor(rolled)
        if len(batch) < batch_size:
            return listing
        batch_size = min(2 * batch_size, limit + 1)


def _just_after(after: str, prefix: str, delimiter: str) -> str:
    if not after:
        return ""
    # A marker inside a rolled-up prefix (or that prefix itself) is past the whole of it: S3 leaves out
    # common prefixes that are not above the marker.
    rolled = common_prefix(after, prefix, delimiter) if after.startswith(prefix) else None
    return after + "\0" if rolled is None else successor(rolled)


def _in_range(table: Table) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.bucket == bindparam("bucket"),
        table.c.key >= bindparam("start"),
        table.c.key < bindparam("end"),
    )
