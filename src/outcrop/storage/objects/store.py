"""The object store: what S3 operations are made of, independent of their wire.

Coroutines are for callers on the event loop; plain functions block and belong in a thread, except the
short reads (`get`, `segments`, `page`), which take some tens of microseconds.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import bindparam, select, union_all

from outcrop.core.clock import Clock
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables import objects as tables
from outcrop.storage.objects import rows
from outcrop.storage.objects.buckets import Buckets
from outcrop.storage.objects.content import ContentFiles, IncomingContent
from outcrop.storage.objects.errors import ObjectMissing
from outcrop.storage.objects.listing import ObjectLister
from outcrop.storage.objects.reading import ContentStream
from outcrop.storage.objects.records import (
    UNCONDITIONAL,
    Attributes,
    Condition,
    ListedObject,
    Listing,
    Segment,
    StoredChecksum,
    StoredObject,
    to_microseconds,
)
from outcrop.storage.objects.uploads import Uploads
from outcrop.storage.prepared import Prepared

ResultT = TypeVar("ResultT")
RESERVED_BYTES = 64 << 20
NO_ATTRIBUTES = Attributes()
_ATTEMPTS = 5


class ObjectStore:
    """Objects in buckets: rows in the database, content in files.

    Args:
        folder: where content lies; made where missing.
        reserved_bytes: space on the disk that objects must leave free.

    Attributes:
        buckets: the buckets.
        uploads: multipart uploads.
    """

    def __init__(
        self, folder: Path, database: Database, clock: Clock, reserved_bytes: int = RESERVED_BYTES
    ) -> None:
        self._database = database
        self._clock = clock
        self._files = ContentFiles(folder, reserved_bytes)
        self._lister = ObjectLister(database)
        self.buckets = Buckets(database, clock)
        self.uploads = Uploads(database, clock, self._files)
        objects, parts = tables.objects, tables.object_parts
        self._select = Prepared(
            select(*rows.OBJECT_COLUMNS).where(
                objects.c.bucket == bindparam("bucket"), objects.c.key == bindparam("key")
            )
        )
        self._select_parts = Prepared(
            select(
                parts.c.content_id, parts.c.offset_bytes, parts.c.size_bytes, parts.c.checksum_value
            )
            .where(parts.c.object_content_id == bindparam("content_id"))
            .order_by(parts.c.position)
        )
        self._select_name = Prepared(
            union_all(
                *(
                    select(table.c.content_id).where(table.c.content_id == bindparam("content_id"))
                    for table in (objects, parts, tables.upload_parts)
                )
            )
            .subquery()
            .select()
        )

    def sweep(self) -> int:
        """Remove what an earlier process left half done; return how many files. For the start."""
        return self._files.sweep(
            lambda content_id: (
                self._select_name.first(self._database.reader, content_id=content_id) is not None
            )
        )

    def close(self) -> None:
        """Wait for writes under way and end the threads."""
        self._files.close()

    # Reading

    def get(self, bucket: str, key: str) -> StoredObject:
        """Return what is known of an object.

        Raises:
            BucketMissing: no such bucket.
            ObjectMissing: no such object in it.
        """
        row = self._select.first(self._database.reader, bucket=bucket, key=key)
        if row is None:
            self.buckets.get(bucket)
            raise ObjectMissing(f"there is no object {key} in the bucket {bucket}")
        return StoredObject(*row)

    def read_small(
        self, bucket: str, key: str, limit_bytes: int
    ) -> tuple[StoredObject, bytes | None]:
        """Return an object with its content, or with None where it has parts or is over the limit.

        Raises:
            BucketMissing: no such bucket.
            ObjectMissing: no such object in it.
        """
        for _ in range(_ATTEMPTS):
            stored = self.get(bucket, key)
            if stored.parts_count or stored.size_bytes > limit_bytes:
                return stored, None
            try:
                return stored, self._files.read(stored.content_id, stored.size_bytes)
            except FileNotFoundError:
                continue  # replaced since its row was read: read the row again
        raise OSError(f"the content of {bucket}/{key} is missing: restore the home from a backup")

    def segments(self, stored: StoredObject) -> list[Segment]:
        """Return where an object's content lies, in order."""
        if not stored.parts_count:
            return [Segment(stored.content_id, 0, stored.size_bytes, stored.checksum_value)]
        return [
            Segment(*row)
            for row in self._select_parts.all(self._database.reader, content_id=stored.content_id)
        ]

    def open(self, stored: StoredObject, offset_bytes: int, length_bytes: int) -> ContentStream:
        """Begin to read a range; the content stays while it is read, even if the object is replaced.

        Raises:
            ObjectMissing: the object was replaced or deleted since `stored` was read: get it again.
        """
        segments = self.segments(stored)
        if not segments or not self._files.hold([segment.content_id for segment in segments]):
            raise ObjectMissing(f"{stored.key} has been replaced or deleted meanwhile")
        return ContentStream(self._files, segments, offset_bytes, length_bytes)

    def page(
        self, bucket: str, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000
    ) -> Listing[ListedObject]:
        """Return a page of a bucket's objects in the byte order of their keys.

        The page begins after the entry or common prefix `after`.

        Raises:
            BucketMissing: no such bucket.
        """
        self.buckets.get(bucket)
        return self._lister.page(bucket, prefix, delimiter, after, limit)

    # Writing

    def incoming(self, algorithms: Iterable[str] = ()) -> IncomingContent:
        """Begin a content: `with store.incoming() as content: await content.read_from(…)`, then `put`.

        Args:
            algorithms: checksums to compute besides MD5, by names of checksums.ALGORITHMS.
        """
        return self._files.new(algorithms)

    async def put(  # noqa: PLR0913  # what an object consists of
        self,
        bucket: str,
        key: str,
        content: IncomingContent,
        *,
        attributes: Attributes = NO_ATTRIBUTES,
        checksum: StoredChecksum | None = None,
        condition: Condition = UNCONDITIONAL,
    ) -> StoredObject:
        """Make content the object at a key, durably: after this it survives a power failure.

        Raises:
            BucketMissing: no such bucket.
            ConditionFailed: what is at the key is not as required.
            ObjectMissing: an object was required to be at the key.
            StorageFull: no room.
        """
        content.hand_over()
        return await self._in_thread(
            lambda: self._put(bucket, key, content, (attributes, checksum, condition))
        )

    def _put(
        self,
        bucket: str,
        key: str,
        content: IncomingContent,
        particulars: tuple[Attributes, StoredChecksum | None, Condition],
    ) -> StoredObject:
        attributes, checksum, condition = particulars
        stored = rows.new_object(
            bucket,
            key,
            content_id=content.content_id,
            size_bytes=content.size_bytes,
            etag=content.md5().hex(),
            modified_us=to_microseconds(self._clock.now()),
            attributes=attributes,
            checksum=checksum,
        )
        try:
            content.place()
            superfluous = self._replace(stored, [], condition)
        except BaseException:
            content.abandon()
            raise
        self._files.settle(kept=[content.content_id], removed=superfluous)
        return stored

    async def copy(
        self,
        source: StoredObject,
        bucket: str,
        key: str,
        *,
        attributes: Attributes,
        condition: Condition = UNCONDITIONAL,
    ) -> StoredObject:
        """Make a copy of an object; its bytes are shared with the source, none are moved.

        Raises:
            BucketMissing: no such bucket.
            ConditionFailed: what is at the key is not as required.
            ObjectMissing: the source was replaced or deleted meanwhile.
        """
        return await self._in_thread(lambda: self._copy(source, bucket, key, attributes, condition))

    def _copy(
        self,
        source: StoredObject,
        bucket: str,
        key: str,
        attributes: Attributes,
        condition: Condition,
    ) -> StoredObject:
        copies: list[Segment] = []
        try:
            for segment in self.segments(source):
                copy_id = self._files.duplicate(segment.content_id)
                copies.append(
                    Segment(
                        copy_id, segment.offset_bytes, segment.size_bytes, segment.checksum_value
                    )
                )
            stored = rows.new_object(
                bucket,
                key,
                content_id=copies[0].content_id,
                size_bytes=source.size_bytes,
                etag=source.etag,
                modified_us=to_microseconds(self._clock.now()),
                attributes=attributes,
                checksum=source.checksum,
                parts_count=source.parts_count,
            )
            superfluous = self._replace(stored, copies if source.parts_count else [], condition)
        except FileNotFoundError as error:
            self._files.settle(removed=[copy.content_id for copy in copies])
            raise ObjectMissing(f"{source.key} has been replaced or deleted meanwhile") from error
        except BaseException:
            self._files.settle(removed=[copy.content_id for copy in copies])
            raise
        self._files.settle(kept=[copy.content_id for copy in copies], removed=superfluous)
        return stored

    def delete(
        self, bucket: str, keys: Iterable[str], condition: Condition = UNCONDITIONAL
    ) -> None:
        """Delete objects; keys without one are passed over.

        With a condition that names an entity tag, every object must be there and have it.

        Raises:
            BucketMissing: no such bucket.
            ConditionFailed: an object is not as required; none is deleted.
        """
        with self._database.write(durable=True) as connection:
            rows.require_bucket(connection, bucket)
            if condition.etag is not None:
                keys = list(keys)
                for key in keys:
                    row = self._select.first(self._database.reader, bucket=bucket, key=key)
                    rows.check(condition, None if row is None else StoredObject(*row))
            superfluous = rows.remove(connection, bucket, keys)
            self._files.doubt(superfluous)
        self._files.settle(removed=superfluous)

    def _replace(
        self, stored: StoredObject, segments: Sequence[Segment], condition: Condition
    ) -> list[str]:
        with self._database.write(durable=True) as connection:
            superfluous = rows.replace(connection, stored, segments, condition)
            self._files.doubt(superfluous)
        return superfluous

    async def _in_thread(self, work: Callable[[], ResultT]) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._files.threads, work)
