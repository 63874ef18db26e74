"""The object store: what S3 operations are made of, independent of their wire.

Coroutines are for callers on the event loop; plain functions block and belong in a thread, except the
short reads (`get`, `segments`, `page`), which take some tens of microseconds.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Table, bindparam, select, union_all

from outcrop.core.clock import Clock
from outcrop.crypto.sealed import CHUNK_BYTES
from outcrop.storage.database.engine import Database
from outcrop.storage.database.recent_reads import RecentReads
from outcrop.storage.database.tables import objects as tables
from outcrop.storage.objects import rows, seals
from outcrop.storage.objects.buckets import Buckets
from outcrop.storage.objects.content import ContentFiles, IncomingContent
from outcrop.storage.objects.errors import (
    BucketMissing,
    ObjectHidden,
    ObjectMissing,
    ObjectStoreError,
    VersionIsMarker,
    VersionMissing,
)
from outcrop.storage.objects.external import ExternalBucket, ExternalContent
from outcrop.storage.objects.listing import ObjectLister
from outcrop.storage.objects.reading import ContentStream
from outcrop.storage.objects.records import (
    UNCONDITIONAL,
    Attributes,
    Condition,
    Deletion,
    Doomed,
    ListedObject,
    ListedVersion,
    Listing,
    Segment,
    StoredChecksum,
    StoredObject,
    to_microseconds,
)
from outcrop.storage.objects.seals import Seal
from outcrop.storage.objects.uploads import Uploads
from outcrop.storage.prepared import Prepared
from outcrop.storage.service_keys import ServiceKeys

ResultT = TypeVar("ResultT")
# Writes what else belongs to a new object, such as its lock, in the transaction that makes it.
Companion = Callable[[Connection, StoredObject], None]
RESERVED_BYTES = 64 << 20
NO_ATTRIBUTES = Attributes()
_ATTEMPTS = 5
_KEPT_KEYS = 8192


class ObjectStore:
    """Objects in buckets: rows in the database, content in files.

    Args:
        folder: where content lies; made where missing.
        keys: wraps the data keys of objects for which nobody names another key.
        reserved_bytes: space on the disk that objects must leave free.
        external: where new contents go in place of the folder.

    Attributes:
        buckets: the buckets.
        uploads: multipart uploads.
    """

    def __init__(  # noqa: PLR0913  # what it is made of
        self,
        folder: Path,
        database: Database,
        clock: Clock,
        keys: ServiceKeys,
        *,
        reserved_bytes: int = RESERVED_BYTES,
        external: ExternalBucket | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        # What is read once is read again; the key that opens these lies in memory, too.
        self._unwrapped = lru_cache(_KEPT_KEYS)(partial(seals.unwrap, keys))
        self._files = (
            ContentFiles(folder, reserved_bytes)
            if external is None
            else ExternalContent(folder, reserved_bytes, external)
        )
        self._lister = ObjectLister(database)
        self.buckets = Buckets(database, clock, self._files)
        self.uploads = Uploads(database, clock, self._files, keys)
        parts = tables.object_parts
        self._select = _select_one(tables.objects)
        self._recent: RecentReads[StoredObject | None] = RecentReads(database)
        self._select_version = {
            table: _select_one(table, of_version=True)
            for table in (tables.objects, tables.object_versions)
        }
        self._select_newest_behind = _select_one(tables.object_versions, newest=True)
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
                    for table in (
                        tables.objects,
                        tables.object_versions,
                        parts,
                        tables.upload_parts,
                    )
                )
            )
            .subquery()
            .select()
        )

    def sweep(self) -> int:
        """Remove what an earlier process left half done; return how many files. For the start."""
        # Made now, so that no request has to wait for the key's own commit.
        self._keys.new_data_key(seals.SERVICE, b"")
        return self._files.sweep(
            lambda content_id: (
                self._select_name.first(self._database.reader, content_id=content_id) is not None
            )
        )

    def close(self) -> None:
        """Wait for writes under way and end the threads."""
        self._files.close()

    # Reading

    def get(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject:
        """Return what is known of an object: of what the key shows, or of one version.

        Raises:
            BucketMissing: no such bucket.
            ObjectMissing: no such object in it.
            ObjectHidden: its newest version is a delete marker.
            VersionMissing: it has no such version.
            VersionIsMarker: the version is a delete marker.
        """
        if version_id is not None:
            return self._get_version(bucket, key, version_id)
        stored = self.newest(bucket, key)
        if stored is None:
            if self.buckets.get(bucket).versioning:
                behind = self._select_newest_behind.first(
                    self._database.reader, bucket=bucket, key=key
                )
                if behind is not None:
                    marker = StoredObject(*behind)
                    raise ObjectHidden(f"{key} was deleted", marker.version_id)
            raise ObjectMissing(f"there is no object {key} in the bucket {bucket}")
        return stored

    def newest(self, bucket: str, key: str) -> StoredObject | None:
        """Return what a key shows; None where there is no such bucket or object, or it was deleted."""

        def read() -> StoredObject | None:
            row = self._select.first(self._database.reader, bucket=bucket, key=key)
            return None if row is None else StoredObject(*row)

        return self._recent.get((bucket, key), read)

    def _get_version(self, bucket: str, key: str, version_id: str) -> StoredObject:
        for prepared in self._select_version.values():
            row = prepared.first(
                self._database.reader, bucket=bucket, key=key, version_id=version_id
            )
            if row is None:
                continue
            stored = StoredObject(*row)
            if stored.is_marker:
                raise VersionIsMarker(f"{version_id} is a delete marker", stored.last_modified_us)
            return stored
        self.buckets.get(bucket)
        raise VersionMissing(f"{bucket}/{key} has no version {version_id}")

    def data_key(self, stored: StoredObject) -> bytes:
        """Return the data key of an object that this server's own key opens; b"" for content in clear.

        Raises:
            SealBroken: the row was changed.
        """
        assert stored.sealing in {seals.IN_CLEAR, seals.SSE_S3}
        if stored.sealed_key is None:
            return b""
        return self._unwrapped(stored.bucket, stored.key, stored.sealed_key)

    def read_small(self, stored: StoredObject) -> bytes | None:
        """Return the content of an object of at most 64 KiB that was put whole and takes no foreign key.

        None for any other, and where it was replaced meanwhile.

        Raises:
            SealBroken: the content or its row was changed.
        """
        if (
            not self._files.is_near
            or stored.parts_count
            or stored.size_bytes > CHUNK_BYTES
            or stored.sealing not in {seals.SSE_S3, seals.IN_CLEAR}
        ):
            return None
        try:
            return self._files.read_small(
                stored.content_id, stored.size_bytes, self.data_key(stored)
            )
        except FileNotFoundError:
            return None

    def read_now(
        self, stored: StoredObject, offset_bytes: int, length_bytes: int, data_key: bytes
    ) -> bytes | None:
        """Return a short range of an object at once; None where it has parts, or was replaced meanwhile."""
        if stored.parts_count or not self._files.is_near:
            return None
        try:
            file = self._files.open(stored.content_id, stored.size_bytes, data_key)
        except FileNotFoundError:
            return None
        try:
            return b"".join(file.pieces(offset_bytes, length_bytes))
        finally:
            file.close()

    def segments(self, stored: StoredObject) -> list[Segment]:
        """Return where an object's content lies, in order."""
        if not stored.parts_count:
            return [Segment(stored.content_id, 0, stored.size_bytes, stored.checksum_value)]
        return [
            Segment(*row)
            for row in self._select_parts.all(self._database.reader, content_id=stored.content_id)
        ]

    def open(
        self,
        stored: StoredObject,
        offset_bytes: int,
        length_bytes: int,
        data_key: bytes | None = None,
    ) -> ContentStream:
        """Begin to read a range; the content stays while it is read, even if the object is replaced.

        Args:
            stored: the object.
            offset_bytes: where to begin.
            length_bytes: how much to read.
            data_key: the object's; None where this server's own key opens it.

        Raises:
            ObjectMissing: the object was replaced or deleted since `stored` was read: get it again.
        """
        if data_key is None:
            data_key = self.data_key(stored)
        segments = self.segments(stored)
        if not segments or not self._files.hold([segment.content_id for segment in segments]):
            raise ObjectMissing(f"{stored.key} has been replaced or deleted meanwhile")
        return ContentStream(self._files, segments, offset_bytes, length_bytes, data_key)

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

    def page_of_versions(  # noqa: PLR0913  # as of S3's listing
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str = "",
        *,
        after: str = "",
        after_version_id: str = "",
        limit: int = 1000,
    ) -> Listing[ListedVersion]:
        """Return a page of a bucket's versions and delete markers, newest first within each key.

        The page begins after the key or common prefix `after`, or within that key after a version of it.

        Raises:
            BucketMissing: no such bucket.
        """
        self.buckets.get(bucket)
        after_recency = rows.recency_of(after_version_id) if after_version_id else None
        if after_version_id and after_recency is None:
            try:
                after_recency = self._get_version(bucket, after, after_version_id).recency
            except VersionMissing:
                after_recency = -(1 << 62)  # gone meanwhile: go on with what the key has left
            except VersionIsMarker:
                after_recency = self._recency_of_null(bucket, after)
        return self._lister.page_of_versions(
            bucket, prefix, delimiter, after, limit=limit, after_recency=after_recency
        )

    def _recency_of_null(self, bucket: str, key: str) -> int:
        row = self._select_version[tables.object_versions].first(
            self._database.reader, bucket=bucket, key=key, version_id="null"
        )
        return -(1 << 62) if row is None else StoredObject(*row).recency

    # Writing

    def new_seal(self, bucket: str, key: str) -> Seal:
        """Return a seal under this server's own key, for an object about to be put."""
        return seals.new_seal(self._keys, bucket, key)

    def incoming(self, seal: Seal, algorithms: Iterable[str] = ()) -> IncomingContent:
        """Begin a content: `with store.incoming(seal) as content: await content.read_from(…)`, then `put`.

        Args:
            seal: made for the bucket and key that it will be put at.
            algorithms: checksums to compute besides MD5, by names of checksums.ALGORITHMS.
        """
        return self._files.new(algorithms, seal)

    async def put(  # noqa: PLR0913  # what an object consists of
        self,
        bucket: str,
        key: str,
        content: IncomingContent,
        *,
        attributes: Attributes = NO_ATTRIBUTES,
        checksum: StoredChecksum | None = None,
        condition: Condition = UNCONDITIONAL,
        companion: Companion | None = None,
    ) -> StoredObject:
        """Make content the object at a key, durably: after this it survives a power failure.

        Raises:
            BucketMissing: no such bucket.
            ConditionFailed: what is at the key is not as required.
            ObjectMissing: an object was required to be at the key.
            StorageFull: no room.
        """
        content.hand_over()
        stored = rows.new_object(
            bucket,
            key,
            content_id=content.content_id,
            size_bytes=content.size_bytes,
            etag=content.etag(),
            modified_us=to_microseconds(self._clock.now()),
            attributes=attributes,
            checksum=checksum,
            seal=content.seal,
        )
        return await self.in_thread(lambda: self._put(stored, content, condition, companion))

    def _put(
        self,
        stored: StoredObject,
        content: IncomingContent,
        condition: Condition,
        companion: Companion | None,
    ) -> StoredObject:
        try:
            content.place()
            with self._database.write(durable=True) as connection:
                stored, superfluous = rows.replace(connection, stored, [], condition)
                if companion is not None:
                    companion(connection, stored)
                self._files.doubt(superfluous)
        except BaseException:
            content.abandon()
            raise
        self._files.settle(kept=[content.content_id], removed=superfluous)
        return stored

    def delete(self, bucket: str, doomed: Sequence[Doomed]) -> list[Deletion | ObjectStoreError]:
        """Delete objects and versions in one transaction; return for each what was done, or why it was not.

        A key or version that does not exist is no error. In a bucket with versions, deleting what a key shows puts a
        delete marker before it.

        Raises:
            BucketMissing: no such bucket.
        """
        now = self._clock.now()
        now_us = to_microseconds(now)
        results: list[Deletion | ObjectStoreError] = []
        superfluous: list[str] = []
        with self._database.write(durable=True) as connection:
            for item in doomed:
                try:
                    done, contents = rows.remove(connection, bucket, item, now, now_us)
                except BucketMissing:
                    raise
                except ObjectStoreError as error:
                    results.append(error)
                else:
                    results.append(done)
                    superfluous += contents
            self._files.doubt(superfluous)
        self._files.settle(removed=superfluous)
        return results

    def set_tags(
        self, bucket: str, key: str, version_id: str | None, tags: Mapping[str, str]
    ) -> StoredObject:
        """Give an object or version these tags and no others; return it as it was.

        Raises:
            BucketMissing, ObjectMissing, VersionMissing, VersionIsMarker: as of `get`.
        """
        for _ in range(_ATTEMPTS):
            stored = self.get(bucket, key, version_id)
            with self._database.write(durable=True) as connection:
                if rows.set_tags(connection, stored, tags):
                    return stored
        raise ObjectMissing(f"{key} is being replaced again and again")

    async def in_thread(self, work: Callable[[], ResultT]) -> ResultT:
        """Run what blocks in one of the store's threads."""
        return await asyncio.get_running_loop().run_in_executor(self._files.threads, work)


def _select_one(table: Table, *, of_version: bool = False, newest: bool = False) -> Prepared:
    query = (
        select(*rows.columns_of(table))
        .join_from(table, tables.buckets, table.c.bucket == tables.buckets.c.name)
        .where(table.c.bucket == bindparam("bucket"), table.c.key == bindparam("key"))
    )
    if of_version:
        query = query.where(table.c.version_id == bindparam("version_id"))
    if newest:
        least = select(table.c.recency).where(
            table.c.bucket == bindparam("bucket"), table.c.key == bindparam("key")
        )
        query = query.where(
            table.c.recency == least.order_by(table.c.recency).limit(1).scalar_subquery()
        )
    return Prepared(query)
