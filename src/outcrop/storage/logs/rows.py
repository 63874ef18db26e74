"""The rows of log groups and streams: find, list, add, change, remove."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from sqlalchemy import Column, Connection, bindparam, delete, func, select, update

from outcrop.storage import tags
from outcrop.storage.database.tables.logs import (
    log_former_keys,
    log_groups,
    log_streams,
    metric_filters,
)
from outcrop.storage.prepared import Prepared

STANDARD = "STANDARD"
_MOST_STREAM_ID = 10**15


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group, columns as in tables/logs.py."""

    id: str
    region: str
    name: str
    group_class: str
    created_us: int
    retention_days: int | None
    is_protected: bool
    wrapped_key: bytes = field(repr=False)
    kms_key_arn: str | None
    policy: str | None
    policy_changed_us: int | None


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One stream, columns as in tables/logs.py."""

    id: int
    group_id: str
    name: str
    created_us: int
    first_ms: int | None
    last_ms: int | None
    ingested_ms: int | None
    next_sequence: int
    stored_bytes: int
    batch: int


@dataclass(frozen=True, slots=True)
class GroupKey:
    """A key that a group's events are sealed under.

    Attributes:
        number: counted from 0.
        kms_key_arn: None for the service's own key.
    """

    group_id: str
    number: int
    wrapped: bytes = field(repr=False)
    kms_key_arn: str | None


def _group_columns() -> list[Column[Any]]:
    names = [item.name for item in fields(GroupRow)]
    return [log_groups.c["class" if name == "group_class" else name] for name in names]


_GROUP = _group_columns()
_STREAM = [log_streams.c[item.name] for item in fields(StreamRow)]
_GROUP_BY_NAME = Prepared(
    select(*_GROUP).where(
        log_groups.c.region == bindparam("region"), log_groups.c.name == bindparam("name")
    )
)
_GROUP_BY_ID = Prepared(select(*_GROUP).where(log_groups.c.id == bindparam("id")))
_GROUPS = Prepared(
    select(*_GROUP)
    .where(log_groups.c.region == bindparam("region"), log_groups.c.name > bindparam("after"))
    .order_by(log_groups.c.name)
)
_STREAM_BY_NAME = Prepared(
    select(*_STREAM).where(
        log_streams.c.group_id == bindparam("group_id"), log_streams.c.name == bindparam("name")
    )
)
_STREAMS = Prepared(
    select(*_STREAM)
    .where(log_streams.c.group_id == bindparam("group_id"))
    .order_by(log_streams.c.name)
)
_FORMER = Prepared(
    select(log_former_keys.c.number, log_former_keys.c.wrapped_key, log_former_keys.c.kms_key_arn)
    .where(log_former_keys.c.group_id == bindparam("group_id"))
    .order_by(log_former_keys.c.number)
)
_SIZES = Prepared(
    select(log_streams.c.group_id, func.sum(log_streams.c.stored_bytes))
    .join(log_groups, log_groups.c.id == log_streams.c.group_id)
    .where(log_groups.c.region == bindparam("region"))
    .group_by(log_streams.c.group_id)
)
_FILTER_COUNTS = Prepared(
    select(metric_filters.c.group_id, func.count()).group_by(metric_filters.c.group_id)
)


def find_group(connection: Connection, region: str, name: str) -> GroupRow | None:
    """Return the group of this name."""
    row = _GROUP_BY_NAME.first(connection, region=region, name=name)
    return None if row is None else _group(row)


def get_group(connection: Connection, group_id: str) -> GroupRow | None:
    """Return the group of this id."""
    row = _GROUP_BY_ID.first(connection, id=group_id)
    return None if row is None else _group(row)


def groups(connection: Connection, region: str, after: str = "") -> list[GroupRow]:
    """Return the groups of a region whose names come after one, by name in order."""
    return [_group(row) for row in _GROUPS.all(connection, region=region, after=after)]


def all_groups(connection: Connection) -> list[GroupRow]:
    """Return the groups of every region."""
    return [_group(tuple(row)) for row in connection.execute(select(*_GROUP))]


def group_sizes(connection: Connection, region: str) -> dict[str, int]:
    """Return group's id → bytes stored, of those that have streams."""
    return {group_id: int(size) for group_id, size in _SIZES.all(connection, region=region)}


def metric_filter_counts(connection: Connection) -> dict[str, int]:
    """Return group's id → number of its metric filters, of those that have any."""
    return dict(_FILTER_COUNTS.all(connection))


def find_stream(connection: Connection, group_id: str, name: str) -> StreamRow | None:
    """Return the stream of this name."""
    row = _STREAM_BY_NAME.first(connection, group_id=group_id, name=name)
    return None if row is None else StreamRow(*row)


def streams(connection: Connection, group_id: str) -> list[StreamRow]:
    """Return the streams of a group, by name in order."""
    return [StreamRow(*row) for row in _STREAMS.all(connection, group_id=group_id)]


def keys(connection: Connection, group: GroupRow) -> list[GroupKey]:
    """Return every key of a group by its number; the last one is the present one."""
    former = [
        GroupKey(group.id, number, wrapped, arn)
        for number, wrapped, arn in _FORMER.all(connection, group_id=group.id)
    ]
    return [*former, GroupKey(group.id, len(former), group.wrapped_key, group.kms_key_arn)]


def insert_group(connection: Connection, row: GroupRow) -> None:
    """Add a group.

    Raises:
        IntegrityError: the region has one of this name.
    """
    values = {item.name: getattr(row, item.name) for item in fields(GroupRow)}
    values["class"] = values.pop("group_class")
    connection.execute(log_groups.insert(), values)


def insert_stream(connection: Connection, group_id: str, name: str, now_us: int) -> StreamRow:
    """Add a stream.

    Raises:
        IntegrityError: the group has one of this name.
    """
    row = StreamRow(
        id=secrets.randbelow(_MOST_STREAM_ID),
        group_id=group_id,
        name=name,
        created_us=now_us,
        first_ms=None,
        last_ms=None,
        ingested_ms=None,
        next_sequence=0,
        stored_bytes=0,
        batch=0,
    )
    values = {item.name: getattr(row, item.name) for item in fields(StreamRow)}
    connection.execute(log_streams.insert(), values)
    return row


def update_group(connection: Connection, group_id: str, **values: object) -> None:
    """Change columns of a group."""
    connection.execute(update(log_groups).where(log_groups.c.id == group_id).values(**values))


def change_key(
    connection: Connection, group: GroupRow, wrapped: bytes, kms_key_arn: str | None
) -> None:
    """Give a group another key; the one before is kept for the events sealed under it."""
    present = keys(connection, group)[-1]
    connection.execute(
        log_former_keys.insert(),
        {
            "group_id": group.id,
            "number": present.number,
            "wrapped_key": present.wrapped,
            "kms_key_arn": present.kms_key_arn,
        },
    )
    update_group(connection, group.id, wrapped_key=wrapped, kms_key_arn=kms_key_arn)


def note_events(connection: Connection, rows: Sequence[StreamRow]) -> None:
    """Write what streams tell of their events."""
    if rows:
        names = ("first_ms", "last_ms", "ingested_ms", "next_sequence", "stored_bytes", "batch")
        connection.execute(
            update(log_streams)
            .where(log_streams.c.id == bindparam("stream_id"))
            .values({name: bindparam(f"new_{name}") for name in names}),
            [
                {"stream_id": row.id, **{f"new_{name}": getattr(row, name) for name in names}}
                for row in rows
            ],
        )


def lessen(connection: Connection, stream: StreamRow, freed_bytes: int) -> None:
    """Note that a stream's files have shrunk."""
    connection.execute(
        update(log_streams)
        .where(log_streams.c.id == stream.id)
        .values(stored_bytes=max(0, stream.stored_bytes - freed_bytes))
    )


def delete_group(connection: Connection, group: GroupRow, arn: str) -> None:
    """Remove a group with its streams, filters and tags."""
    for table in (log_streams, log_former_keys, metric_filters):
        connection.execute(delete(table).where(table.c.group_id == group.id))
    connection.execute(delete(log_groups).where(log_groups.c.id == group.id))
    tags.drop_all(connection, arn)


def delete_stream(connection: Connection, stream_id: int) -> None:
    """Remove a stream."""
    connection.execute(delete(log_streams).where(log_streams.c.id == stream_id))


def with_events(  # noqa: PLR0913, PLR0917  # what a batch adds
    row: StreamRow, batch: int, count: int, first_ms: int, last_ms: int, ingested_ms: int, size: int
) -> StreamRow:
    """Return a stream's row after a batch of events."""
    return replace(
        row,
        first_ms=first_ms if row.first_ms is None else min(first_ms, row.first_ms),
        last_ms=last_ms if row.last_ms is None else max(last_ms, row.last_ms),
        ingested_ms=max(ingested_ms, row.ingested_ms or 0),
        next_sequence=row.next_sequence + count,
        stored_bytes=row.stored_bytes + size,
        batch=batch,
    )


def before_batch(row: StreamRow, count: int, stored_bytes: int) -> StreamRow:
    """Return a stream's row without a batch of so many events that is carried on again."""
    return replace(row, next_sequence=max(0, row.next_sequence - count), stored_bytes=stored_bytes)


def _group(row: tuple[object, ...]) -> GroupRow:
    values = dict(zip((item.name for item in fields(GroupRow)), row, strict=True))
    values["is_protected"] = bool(values["is_protected"])
    return GroupRow(**values)  # type: ignore[arg-type]
