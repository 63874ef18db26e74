"""Buckets: made, listed, deleted when empty; whether they keep versions, and how they encrypt by default."""

from collections.abc import Callable

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from outcrop.core.clock import Clock
from outcrop.storage import object_locks
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables import objects as tables
from outcrop.storage.objects.content import ContentFiles
from outcrop.storage.objects.errors import BucketExists, BucketMissing, BucketNotEmpty
from outcrop.storage.objects.records import (
    Bucket,
    Versioning,
    from_microseconds,
    to_microseconds,
)
from outcrop.storage.prepared import Prepared

_COLUMNS = (
    tables.buckets.c.name,
    tables.buckets.c.region,
    tables.buckets.c.created_us,
    tables.buckets.c.versioning,
    tables.buckets.c.encryption_json,
)


class Buckets:
    """The buckets of one store."""

    def __init__(self, database: Database, clock: Clock, files: ContentFiles) -> None:
        self._files = files
        self._database = database
        self._clock = clock
        self._select_one = Prepared(
            select(*_COLUMNS).where(tables.buckets.c.name == bindparam("name"))
        )
        self._select_all = Prepared(select(*_COLUMNS).order_by(tables.buckets.c.name))

    def create(
        self,
        name: str,
        region: str,
        versioning: Versioning = "",
        companion: Callable[[Connection], None] | None = None,
    ) -> Bucket:
        """Make a bucket; `companion` writes, in the same transaction, what is configured of it from the start.

        Raises:
            BucketExists: the name is taken.
        """
        created = self._clock.now()
        row = {
            "name": name,
            "region": region,
            "created_us": to_microseconds(created),
            "versioning": versioning,
        }
        try:
            with self._database.write(durable=True) as connection:
                connection.execute(insert(tables.buckets), row)
                if companion is not None:
                    companion(connection)
        except IntegrityError as error:
            raise BucketExists(f"the bucket {name} exists already") from error
        return Bucket(name, region, created, versioning)

    def get(self, name: str) -> Bucket:
        """Return a bucket.

        Raises:
            BucketMissing: there is none of this name.
        """
        row = self._select_one.first(self._database.reader, name=name)
        if row is None:
            raise BucketMissing(f"there is no bucket named {name}")
        return Bucket(row[0], row[1], from_microseconds(row[2]), row[3], row[4])

    def list(self) -> list[Bucket]:
        """Return every bucket, by name."""
        return [
            Bucket(name, region, from_microseconds(created_us), versioning, encryption_json)
            for name, region, created_us, versioning, encryption_json in self._select_all.all(
                self._database.reader
            )
        ]

    def set_versioning(self, name: str, versioning: Versioning) -> None:
        """Enable or suspend the keeping of versions.

        Raises:
            BucketMissing: there is no such bucket.
        """
        self._set(name, versioning=versioning)

    def set_encryption(self, name: str, encryption_json: str) -> None:
        """Set the default encryption; "" goes back to SSE-S3.

        Raises:
            BucketMissing: there is no such bucket.
        """
        self._set(name, encryption_json=encryption_json)

    def delete(self, name: str) -> None:
        """Delete an empty bucket, and with it the multipart uploads that were begun in it.

        Raises:
            BucketMissing: there is none of this name.
            BucketNotEmpty: it holds objects, or versions of them.
        """
        uploads, parts = tables.uploads, tables.upload_parts
        with self._database.write(durable=True) as connection:
            for table in (tables.objects, tables.object_versions):
                found = select(table.c.key).where(table.c.bucket == name).limit(1)
                if connection.execute(found).first() is not None:
                    raise BucketNotEmpty(f"the bucket {name} still holds objects or versions")
            begun = select(uploads.c.upload_id).where(uploads.c.bucket == name)
            contents = list(
                connection.execute(
                    select(parts.c.content_id).where(parts.c.upload_id.in_(begun))
                ).scalars()
            )
            object_locks.forget(connection, list(connection.execute(begun).scalars()))
            connection.execute(delete(uploads).where(uploads.c.bucket == name))
            done = connection.execute(delete(tables.buckets).where(tables.buckets.c.name == name))
            if done.rowcount == 0:
                raise BucketMissing(f"there is no bucket named {name}")
            self._files.doubt(contents)
        self._files.settle(removed=contents)

    def _set(self, name: str, **values: str) -> None:
        with self._database.write(durable=True) as connection:
            done = connection.execute(
                update(tables.buckets).where(tables.buckets.c.name == name).values(**values)
            )
            if done.rowcount == 0:
                raise BucketMissing(f"there is no bucket named {name}")
