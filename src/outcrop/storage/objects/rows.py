"""Rows of objects as they are replaced and deleted: what every write to a key has in common."""

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.sql import ColumnElement

from outcrop.storage.database.tables import objects as tables
from outcrop.storage.objects.errors import BucketMissing, ConditionFailed, ObjectMissing
from outcrop.storage.objects.records import (
    Attributes,
    Condition,
    Segment,
    StoredChecksum,
    StoredObject,
)

OBJECT_COLUMNS = (
    tables.objects.c.bucket,
    tables.objects.c.key,
    tables.objects.c.content_id,
    tables.objects.c.size_bytes,
    tables.objects.c.etag,
    tables.objects.c.last_modified_us,
    tables.objects.c.storage_class,
    tables.objects.c.parts_count,
    tables.objects.c.headers_json,
    tables.objects.c.metadata_json,
    tables.objects.c.checksum_algorithm,
    tables.objects.c.checksum_value,
    tables.objects.c.checksum_type,
)


def to_json(values: object) -> str:
    """Return JSON in its shortest form."""
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


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
    parts_count: int = 0,
) -> StoredObject:
    """Return the record of an object about to be written."""
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
    )


def replace(
    connection: Connection,
    stored: StoredObject,
    segments: Sequence[Segment],
    condition: Condition,
) -> list[str]:
    """Put an object's rows in the place of its predecessor's; return the ids of superfluous contents.

    `segments` says where the content lies when the object has parts, and is empty otherwise.

    Raises:
        BucketMissing: there is no such bucket.
        ConditionFailed: the predecessor is not as required.
        ObjectMissing: a predecessor was required and there is none.
    """
    require_bucket(connection, stored.bucket)
    predecessor = connection.execute(
        select(*OBJECT_COLUMNS).where(*_is_at(stored.bucket, stored.key))
    ).first()
    check(condition, None if predecessor is None else StoredObject(*tuple(predecessor)))
    superfluous = remove(connection, stored.bucket, [stored.key]) if predecessor else []
    connection.execute(
        insert(tables.objects),
        {column.name: getattr(stored, column.name) for column in OBJECT_COLUMNS},
    )
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
    return superfluous


def remove(connection: Connection, bucket: str, keys: Iterable[str]) -> list[str]:
    """Delete objects' rows where there are any; return the ids of superfluous contents."""
    superfluous: list[str] = []
    for key in keys:
        found = connection.execute(
            select(tables.objects.c.content_id, tables.objects.c.parts_count).where(
                *_is_at(bucket, key)
            )
        ).first()
        if found is None:
            continue
        content_id, parts_count = found
        superfluous += (
            connection.execute(
                select(tables.object_parts.c.content_id).where(
                    tables.object_parts.c.object_content_id == content_id
                )
            ).scalars()
            if parts_count
            else [content_id]
        )
        connection.execute(delete(tables.objects).where(*_is_at(bucket, key)))
    return superfluous


def require_bucket(connection: Connection, bucket: str) -> None:
    """Make sure, inside a transaction, that a bucket is there.

    Raises:
        BucketMissing: it is not.
    """
    found = select(tables.buckets.c.name).where(tables.buckets.c.name == bucket)
    if connection.execute(found).first() is None:
        raise BucketMissing(f"there is no bucket named {bucket}")


def check(condition: Condition, stored: StoredObject | None) -> None:
    """Compare what is at a key with what a write requires.

    Raises:
        ConditionFailed: it differs.
        ObjectMissing: something was required to be there.
    """
    if condition.must_be_absent and stored is not None:
        raise ConditionFailed(f"there is an object at {stored.key} already")
    if condition.etag is not None:
        if stored is None:
            raise ObjectMissing("there is no object whose entity tag could match")
        if condition.etag not in {"*", stored.etag}:
            raise ConditionFailed(f"the object's entity tag is {stored.etag}")


def _is_at(bucket: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return (tables.objects.c.bucket == bucket, tables.objects.c.key == key)
