"""Buckets: made, listed, deleted when empty."""

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from outcrop.core.clock import Clock
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables import objects as tables
from outcrop.storage.objects.errors import BucketExists, BucketMissing, BucketNotEmpty
from outcrop.storage.objects.records import Bucket, from_microseconds, to_microseconds
from outcrop.storage.prepared import Prepared


class Buckets:
    """The buckets of one store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        columns = (tables.buckets.c.name, tables.buckets.c.region, tables.buckets.c.created_us)
        self._select_one = Prepared(
            select(*columns).where(tables.buckets.c.name == bindparam("name"))
        )
        self._select_all = Prepared(select(*columns).order_by(tables.buckets.c.name))

    def create(self, name: str, region: str) -> Bucket:
        """Make a bucket.

        Raises:
            BucketExists: the name is taken.
        """
        created = self._clock.now()
        row = {"name": name, "region": region, "created_us": to_microseconds(created)}
        try:
            with self._database.write(durable=True) as connection:
                connection.execute(insert(tables.buckets), row)
        except IntegrityError as error:
            raise BucketExists(f"the bucket {name} exists already") from error
        return Bucket(name, region, created)

    def get(self, name: str) -> Bucket:
        """Return a bucket.

        Raises:
            BucketMissing: there is none of this name.
        """
        row = self._select_one.first(self._database.reader, name=name)
        if row is None:
            raise BucketMissing(f"there is no bucket named {name}")
        return Bucket(row[0], row[1], from_microseconds(row[2]))

    def list(self) -> list[Bucket]:
        """Return every bucket, by name."""
        return [
            Bucket(name, region, from_microseconds(created_us))
            for name, region, created_us in self._select_all.all(self._database.reader)
        ]

    def delete(self, name: str) -> None:
        """Delete an empty bucket.

        Raises:
            BucketMissing: there is none of this name.
            BucketNotEmpty: it holds objects or unfinished multipart uploads.
        """
        objects, uploads = tables.objects, tables.uploads
        with self._database.write(durable=True) as connection:
            for table in (objects, uploads):
                found = select(table.c.key).where(table.c.bucket == name).limit(1)
                if connection.execute(found).first() is not None:
                    raise BucketNotEmpty(
                        f"the bucket {name} still holds objects or unfinished multipart uploads"
                    )
            done = connection.execute(delete(tables.buckets).where(tables.buckets.c.name == name))
            if done.rowcount == 0:
                raise BucketMissing(f"there is no bucket named {name}")
