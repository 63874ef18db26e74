"""Listings: pages of keys in byte order, rolled up at a delimiter, each page a few index ranges."""

from collections.abc import Callable

from sqlalchemy import Table, bindparam, literal_column, select
from sqlalchemy.sql import ColumnElement

from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables import objects as tables
from outcrop.storage.objects.records import ListedObject, Listing
from outcrop.storage.prepared import Prepared

_FIRST_BATCH = 32
_LAST_CHARACTER = 0x10FFFF
# Above every key: keys are at most 1024 bytes of UTF-8 and no character is above this one.
_ABOVE_ALL_KEYS = chr(_LAST_CHARACTER) * 257


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
