"""Rows of objects as they are replaced and deleted: what every write to a key has in common.

`objects` holds what a key shows; `object_versions` what lies behind it, and delete markers. Of the rows of one key the
one with the lowest `recency` is the newest; if it is in `object_versions`, it is a delete marker.
"""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace as with_changes
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, literal_column, select, update
from sqlalchemy.sql import ColumnElement

from outcrop.storage import object_locks
from outcrop.storage.database.tables import objects as tables
from outcrop.storage.objects.errors import BucketMissing, ConditionFailed, ObjectMissing
from outcrop.storage.objects.records import (
    NULL_VERSION,
    UNCONDITIONAL,
    Attributes,
    Condition,
    Deletion,
    Doomed,
    Segment,
    StoredChecksum,
    StoredObject,
)
from outcrop.storage.objects.seals import Seal

_STORED = (
    "bucket",
    "key",
    "content_id",
    "size_bytes",
    "etag",
    "last_modified_us",
    "storage_class",
    "parts_count",
    "headers_json",
    "metadata_json",
    "checksum_algorithm",
    "checksum_value",
    "checksum_type",
    "version_id",
    "upload_id",
    "tags_json",
    "sealing",
    "sealed_key",
    "sealing_json",
    "recency",
)
_VERSION_ID_BYTES = 24
_VERSION_ID_CHARACTERS = 32
_RANDOM_BYTES = 16


def columns_of(table: Table) -> list[Any]:  # columns of several types
    """Return what a StoredObject is made of; the table is to be joined with `buckets`."""
    is_marker = (
        literal_column("0").label("is_marker") if table is tables.objects else table.c.is_marker
    )
    return [*(table.c[name] for name in _STORED), is_marker, tables.buckets.c.versioning]


def to_json(values: object) -> str:
    """Return JSON in its shortest form."""
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


def tags_to_json(tags: Mapping[str, str]) -> str:
    """Return tags as a row keeps them, by key in order; "" for none."""
    return to_json(dict(sorted(tags.items()))) if tags else ""


def new_object(  # noqa: PLR0913  # a row has that many columns
    bucket: str,
    key: str,
    *,
    content_id: str,
    size_bytes: int,
    etag: str,
    modified_us: int,
    attributes: Attributes,
    checksum: StoredChecksum | None,
    seal: Seal,
    parts_count: int = 0,
    upload_id: str = "",
) -> StoredObject:
    """Return the record of an object about to be written; `replace` gives it its place among versions."""
    return StoredObject(
        bucket=bucket,
        key=key,
        content_id=content_id,
        size_bytes=size_bytes,
        etag=etag,
        last_modified_us=modified_us,
        storage_class=attributes.storage_class,
        parts_count=parts_count,
        headers_json=to_json(dict(attributes.headers)),
        metadata_json=to_json(dict(attributes.metadata)),
        checksum_algorithm=None if checksum is None else checksum.algorithm,
        checksum_value=None if checksum is None else checksum.value,
        checksum_type=None if checksum is None else checksum.type,
        version_id=NULL_VERSION,
        upload_id=upload_id,
        tags_json=tags_to_json(attributes.tags),
        sealing=seal.sealing,
        sealed_key=seal.wrapped,
        sealing_json=seal.particulars_json,
        recency=-modified_us,
    )


def is_version_id(text: str) -> bool:
    """Whether a text has the form of the ids that versions get here."""
    return text == NULL_VERSION or _sequence(text) is not None


def recency_of(version_id: str) -> int | None:
    """Return the recency that an id tells, also of a version that is gone; None for the null version."""
    sequence = _sequence(version_id)
    return None if sequence is None else -sequence


def replace(
    connection: Connection,
    stored: StoredObject,
    segments: Sequence[Segment],
    condition: Condition,
) -> tuple[StoredObject, list[str]]:
    """Make an object what its key shows; return it as it was written, and the ids of superfluous contents.

    `segments` says where the content lies when the object has parts, and is empty otherwise.

    Raises:
        BucketMissing: there is no such bucket.
        ConditionFailed: the predecessor is not as required.
        ObjectMissing: a predecessor was required and there is none.
    """
    versioning = versioning_of(connection, stored.bucket)
    predecessor = current(connection, stored.bucket, stored.key)
    check(condition, predecessor)
    recency = _next_recency(connection, stored, predecessor, versioning)
    stored = with_changes(
        stored,
        recency=recency,
        versioning=versioning,
        version_id=_new_version_id(recency) if versioning == "Enabled" else NULL_VERSION,
    )
    superfluous = _make_room(connection, stored, predecessor)
    connection.execute(insert(tables.objects), {name: getattr(stored, name) for name in _STORED})
    if segments:
        connection.execute(
            insert(tables.object_parts),
            [
                {
                    "object_content_id": stored.content_id,
                    "position": position,
                    "content_id": segment.content_id,
                    "offset_bytes": segment.offset_bytes,
                    "size_bytes": segment.size_bytes,
                    "checksum_value": segment.checksum_value,
                }
                for position, segment in enumerate(segments, start=1)
            ],
        )
    return stored, superfluous


def remove(
    connection: Connection, bucket: str, doomed: Doomed, now: datetime, now_us: int
) -> tuple[Deletion, list[str]]:
    """Delete a version, or what a key shows; return what was done, and the ids of superfluous contents.

    Raises:
        BucketMissing: there is no such bucket.
        ConditionFailed, ObjectMissing: what is there is not as required.
        ObjectLocked: the version is under retention or legal hold.
    """
    versioning = versioning_of(connection, bucket)
    if doomed.version_id is not None:
        return _remove_version(connection, bucket, doomed, now, versioning)
    shown = current(connection, bucket, doomed.key)
    check(doomed.condition, shown)
    if not versioning:
        superfluous = [] if shown is None else _forget(connection, tables.objects, shown)
        return Deletion(doomed.key), superfluous
    marker = new_object(
        bucket,
        doomed.key,
        content_id="",
        size_bytes=0,
        etag="",
        modified_us=now_us,
        attributes=Attributes(),
        checksum=None,
        seal=Seal("", b""),
    )
    recency = _next_recency(connection, marker, shown, versioning)
    version_id = _new_version_id(recency) if versioning == "Enabled" else NULL_VERSION
    marker = with_changes(marker, recency=recency, version_id=version_id, versioning=versioning)
    superfluous = _make_room(connection, marker, shown)
    row = {name: getattr(marker, name) for name in _STORED} | {"is_marker": 1}
    connection.execute(insert(tables.object_versions), row)
    return Deletion(doomed.key, version_id, is_marker=True), superfluous


def current(connection: Connection, bucket: str, key: str) -> StoredObject | None:
    """Return what a key shows, inside a transaction; None where nothing or a delete marker."""
    return _first(connection, tables.objects, bucket, key)


def version(
    connection: Connection, bucket: str, key: str, version_id: str
) -> tuple[Table, StoredObject] | None:
    """Return a version or delete marker and the table that it is in, inside a transaction."""
    for table in (tables.objects, tables.object_versions):
        found = _first(connection, table, bucket, key, table.c.version_id == version_id)
        if found is not None:
            return table, found
    return None


def set_tags(connection: Connection, stored: StoredObject, tags: Mapping[str, str]) -> bool:
    """Give a version these tags and no others; False when it is gone."""
    for table in (tables.objects, tables.object_versions):
        done = connection.execute(
            update(table)
            .where(*_is_at(table, stored.bucket, stored.key), table.c.recency == stored.recency)
            .where(table.c.content_id == stored.content_id)
            .values(tags_json=tags_to_json(tags))
        )
        if done.rowcount:
            return True
    return False


def versioning_of(connection: Connection, bucket: str) -> str:
    """Return, inside a transaction, how a bucket is versioned.

    Raises:
        BucketMissing: there is no such bucket.
    """
    found = connection.execute(
        select(tables.buckets.c.versioning).where(tables.buckets.c.name == bucket)
    ).first()
    if found is None:
        raise BucketMissing(f"there is no bucket named {bucket}")
    return str(found[0])


def check(condition: Condition, stored: StoredObject | None) -> None:
    """Compare what is at a key with what a write requires.

    Raises:
        ConditionFailed: it differs.
        ObjectMissing: something was required to be there.
    """
    if condition is UNCONDITIONAL:
        return
    if stored is None:
        if (condition.etag, condition.modified, condition.size_bytes) != (None, None, None):
            raise ObjectMissing("there is no object whose entity tag could match")
        return
    if condition.must_be_absent:
        raise ConditionFailed(f"there is an object at {stored.key} already")
    if condition.etag not in {None, "*", stored.etag} or condition.not_etag == stored.etag:
        raise ConditionFailed(f"the object's entity tag is {stored.etag}")
    if condition.modified not in {None, stored.last_modified_second}:
        raise ConditionFailed(f"the object was put at {stored.last_modified_second}")
    if condition.size_bytes not in {None, stored.size_bytes}:
        raise ConditionFailed(f"the object has {stored.size_bytes} bytes")


def _remove_version(
    connection: Connection, bucket: str, doomed: Doomed, now: datetime, versioning: str
) -> tuple[Deletion, list[str]]:
    assert doomed.version_id is not None
    found = version(connection, bucket, doomed.key, doomed.version_id)
    if found is None:
        check(doomed.condition, None)
        return Deletion(doomed.key, doomed.version_id), []
    table, stored = found
    check(doomed.condition, stored)
    if stored.content_id:
        object_locks.require_unlocked(
            connection,
            [stored.content_id],
            now,
            bypasses_governance=doomed.bypasses_governance,
        )
    superfluous = _forget(connection, table, stored)
    if versioning:
        _show_newest(connection, bucket, doomed.key)
    return Deletion(doomed.key, doomed.version_id, is_marker=bool(stored.is_marker)), superfluous


def _make_room(
    connection: Connection, coming: StoredObject, shown: StoredObject | None
) -> list[str]:
    """Take away or put behind what the key shows; return the ids of superfluous contents."""
    superfluous: list[str] = []
    if coming.versioning == "Suspended":
        behind = _first(
            connection,
            tables.object_versions,
            coming.bucket,
            coming.key,
            tables.object_versions.c.version_id == NULL_VERSION,
        )
        if behind is not None:
            superfluous += _forget(connection, tables.object_versions, behind)
    if shown is None:
        return superfluous
    if coming.versioning == "Enabled" or (coming.versioning and shown.version_id != NULL_VERSION):
        _put_behind(connection, shown)
        return superfluous
    return superfluous + _forget(connection, tables.objects, shown)


def _put_behind(connection: Connection, shown: StoredObject) -> None:
    objects, versions = tables.objects, tables.object_versions
    at = _is_at(objects, shown.bucket, shown.key)
    columns = [objects.c[name] for name in _STORED]
    connection.execute(
        insert(versions).from_select(
            [*_STORED, "is_marker"], select(*columns, literal_column("0")).where(*at)
        )
    )
    connection.execute(delete(objects).where(*at))


def _show_newest(connection: Connection, bucket: str, key: str) -> None:
    """Bring the newest version to the front if it is not there and is no delete marker."""
    objects, versions = tables.objects, tables.object_versions
    if current(connection, bucket, key) is not None:
        return
    newest = _first(connection, versions, bucket, key)
    if newest is None or newest.is_marker:
        return
    at = (*_is_at(versions, bucket, key), versions.c.recency == newest.recency)
    columns = [versions.c[name] for name in _STORED]
    connection.execute(insert(objects).from_select([*_STORED], select(*columns).where(*at)))
    connection.execute(delete(versions).where(*at))


def _forget(connection: Connection, table: Table, stored: StoredObject) -> list[str]:
    """Delete a row and what belongs to it; return the ids of the contents that it named."""
    where = (*_is_at(table, stored.bucket, stored.key), table.c.recency == stored.recency)
    connection.execute(delete(table).where(*where))
    if not stored.content_id:
        return []
    object_locks.forget(connection, [stored.content_id])
    if not stored.parts_count:
        return [stored.content_id]
    parts = tables.object_parts
    is_part = parts.c.object_content_id == stored.content_id
    contents = list(connection.execute(select(parts.c.content_id).where(is_part)).scalars())
    connection.execute(delete(parts).where(is_part))
    return contents


def _first(
    connection: Connection, table: Table, bucket: str, key: str, *more: ColumnElement[bool]
) -> StoredObject | None:
    query = (
        select(*columns_of(table))
        .join_from(table, tables.buckets, table.c.bucket == tables.buckets.c.name)
        .where(*_is_at(table, bucket, key), *more)
        .order_by(table.c.recency)
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else StoredObject(*tuple(row))


def _next_recency(
    connection: Connection, coming: StoredObject, shown: StoredObject | None, versioning: str
) -> int:
    """Return a recency below that of every version of the key, whatever the clock says."""
    lowest = coming.recency
    if shown is not None:
        lowest = min(lowest, shown.recency - 1)
    if versioning:
        versions = tables.object_versions
        behind = connection.execute(
            select(func.min(versions.c.recency)).where(*_is_at(versions, coming.bucket, coming.key))
        ).scalar()
        if behind is not None:
            lowest = min(lowest, behind - 1)
    return lowest


def _new_version_id(recency: int) -> str:
    # The place in the order is part of the id, so that a listing can go on after a version that is gone.
    token = secrets.token_bytes(_RANDOM_BYTES) + (-recency).to_bytes(8, "big")
    return base64.b64encode(token, altchars=b"._").decode()


def _sequence(version_id: str) -> int | None:
    if len(version_id) != _VERSION_ID_CHARACTERS or not version_id.isascii():
        return None
    try:
        token = base64.b64decode(version_id, altchars=b"._", validate=True)
    except ValueError:
        return None
    sequence = int.from_bytes(token[_RANDOM_BYTES:], "big")
    return sequence if len(token) == _VERSION_ID_BYTES and sequence < 1 << 63 else None


def _is_at(table: Table, bucket: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return (table.c.bucket == bucket, table.c.key == key)
