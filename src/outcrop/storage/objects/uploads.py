"""Multipart uploads: parts that become an object without a byte being moved."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection, bindparam, delete, insert, literal_column, or_, select, update
from sqlalchemy import and_ as both

from outcrop.core.clock import Clock
from outcrop.storage import object_locks
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables import objects as tables
from outcrop.storage.database.tables.bucket_configuration import object_acls
from outcrop.storage.database.tables.bucket_configuration import object_locks as locks
from outcrop.storage.objects import checksums, rows, seals
from outcrop.storage.objects.content import ContentFiles, IncomingContent
from outcrop.storage.objects.errors import (
    PartMissing,
    PartsOutOfOrder,
    PartsRejected,
    PartTooSmall,
    UploadMissing,
)
from outcrop.storage.objects.listing import successor
from outcrop.storage.objects.records import (
    UNCONDITIONAL,
    Attributes,
    ChecksumType,
    Condition,
    Segment,
    StoredChecksum,
    StoredObject,
    Upload,
    UploadedPart,
    to_microseconds,
)
from outcrop.storage.objects.seals import Seal
from outcrop.storage.prepared import Prepared
from outcrop.storage.service_keys import ServiceKeys

MINIMUM_PART_BYTES = 5 << 20  # of every part but the last: S3's limit


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A part as the client names it to complete an upload.

    Attributes:
        checksum_value: base64; None where the client gives none.
    """

    number: int
    etag: str
    checksum_value: str | None = None


class Uploads:
    """The multipart uploads of one store."""

    def __init__(
        self, database: Database, clock: Clock, files: ContentFiles, keys: ServiceKeys
    ) -> None:
        self._keys = keys
        self._database = database
        self._clock = clock
        self._files = files
        uploads, parts = tables.uploads, tables.upload_parts
        columns = (
            uploads.c.upload_id,
            uploads.c.bucket,
            uploads.c.key,
            uploads.c.initiated_us,
            uploads.c.storage_class,
            uploads.c.headers_json,
            uploads.c.metadata_json,
            uploads.c.checksum_algorithm,
            uploads.c.checksum_type,
            uploads.c.tags_json,
            uploads.c.sealing,
            uploads.c.sealed_key,
            uploads.c.sealing_json,
        )
        self._select = Prepared(
            select(*columns).where(uploads.c.upload_id == bindparam("upload_id"))
        )
        self._select_page = Prepared(
            select(*columns)
            .where(
                uploads.c.bucket == bindparam("bucket"),
                uploads.c.key >= bindparam("start"),
                uploads.c.key < bindparam("end"),
                or_(
                    uploads.c.key > bindparam("key"),
                    both(
                        uploads.c.key == bindparam("key"),
                        uploads.c.upload_id > bindparam("upload_id"),
                    ),
                ),
            )
            .order_by(uploads.c.key, uploads.c.upload_id)
            .limit(bindparam("limit"))
            .offset(
                literal_column("0")
            )  # SQLite's dialect writes an OFFSET of its own, as a parameter
        )
        self._select_completed = [
            Prepared(
                select(*rows.columns_of(table))
                .join_from(table, tables.buckets, table.c.bucket == tables.buckets.c.name)
                .where(
                    table.c.bucket == bindparam("bucket"),
                    table.c.key == bindparam("key"),
                    table.c.upload_id == bindparam("upload_id"),
                )
            )
            for table in (tables.objects, tables.object_versions)
        ]
        self._select_parts = Prepared(
            select(
                parts.c.number,
                parts.c.content_id,
                parts.c.size_bytes,
                parts.c.etag,
                parts.c.last_modified_us,
                parts.c.checksum_value,
            )
            .where(parts.c.upload_id == bindparam("upload_id"), parts.c.number > bindparam("after"))
            .order_by(parts.c.number)
            .limit(bindparam("limit"))
            .offset(
                literal_column("0")
            )  # SQLite's dialect writes an OFFSET of its own, as a parameter
        )

    def create(  # noqa: PLR0913  # what an upload consists of
        self,
        bucket: str,
        key: str,
        attributes: Attributes,
        checksum_algorithm: str,
        checksum_type: ChecksumType,
        *,
        seal: Seal,
        companion: Callable[[Connection, Upload], None] | None = None,
    ) -> Upload:
        """Begin an upload.

        `companion` writes, in the same transaction, what the object is to have beside its row (its lock, its access
        control list), under the upload's id in place of the content's.

        Raises:
            BucketMissing: no such bucket.
        """
        upload = Upload(
            upload_id=secrets.token_urlsafe(48),
            bucket=bucket,
            key=key,
            initiated_us=to_microseconds(self._clock.now()),
            storage_class=attributes.storage_class,
            headers_json=rows.to_json(dict(attributes.headers)),
            metadata_json=rows.to_json(dict(attributes.metadata)),
            checksum_algorithm=checksum_algorithm,
            checksum_type=checksum_type,
            tags_json=rows.tags_to_json(attributes.tags),
            sealing=seal.sealing,
            sealed_key=seal.wrapped,
            sealing_json=seal.particulars_json,
        )
        with self._database.write(durable=True) as connection:
            rows.versioning_of(connection, bucket)
            connection.execute(
                insert(tables.uploads),
                {column.name: getattr(upload, column.name) for column in tables.uploads.columns},
            )
            if companion is not None:
                companion(connection, upload)
        return upload

    def get(self, bucket: str, key: str, upload_id: str) -> Upload:
        """Return an upload under way.

        Raises:
            UploadMissing: there is none with this id for this bucket and key.
        """
        row = self._select.first(self._database.reader, upload_id=upload_id)
        if row is None or (row[1], row[2]) != (bucket, key):
            raise UploadMissing(f"there is no multipart upload {upload_id} for {bucket}/{key}")
        return Upload(*row)

    def page(
        self, bucket: str, prefix: str, after_key: str, after_upload_id: str, limit: int
    ) -> list[Upload]:
        """Return up to `limit` uploads by key, then id, after a key and id."""
        found = self._select_page.all(
            self._database.reader,
            bucket=bucket,
            start=prefix,
            end=successor(prefix),
            key=after_key,
            upload_id=after_upload_id,
            limit=limit,
        )
        return [Upload(*row) for row in found]

    def parts(self, upload: Upload, after: int = 0, limit: int = 10_000) -> list[UploadedPart]:
        """Return up to `limit` parts with numbers above `after`."""
        found = self._select_parts.all(
            self._database.reader, upload_id=upload.upload_id, after=after, limit=limit
        )
        return [UploadedPart(*row) for row in found]

    def incoming(
        self, upload: Upload, algorithms: Iterable[str] = (), data_key: bytes | None = None
    ) -> IncomingContent:
        """Begin the content of a part.

        Args:
            upload: that it is for.
            algorithms: checksums to compute besides MD5.
            data_key: the upload's; None where this server's own key opens it.

        Raises:
            SealBroken: the upload's row was changed.
        """
        if data_key is None:
            assert upload.sealing in {seals.IN_CLEAR, seals.SSE_S3}
            wrapped = upload.sealed_key
            data_key = (
                b""
                if wrapped is None
                else seals.unwrap(self._keys, upload.bucket, upload.key, wrapped)
            )
        return self._files.new(algorithms, Seal(upload.sealing, data_key))

    def completed(self, bucket: str, key: str, upload_id: str) -> StoredObject | None:
        """Return the version that an upload became, where it is still there: completing is repeatable."""
        for prepared in self._select_completed:
            row = prepared.first(self._database.reader, bucket=bucket, key=key, upload_id=upload_id)
            if row is not None:
                return StoredObject(*row)
        return None

    async def put_part(self, upload: Upload, number: int, content: IncomingContent) -> UploadedPart:
        """Keep a part, in the place of one with the same number; it is summed by the upload's algorithm.

        Raises:
            UploadMissing: it was completed or aborted meanwhile.
            StorageFull: no room.
        """
        content.hand_over()
        return await asyncio.get_running_loop().run_in_executor(
            self._files.threads, self._put_part, upload, number, content
        )

    def _put_part(self, upload: Upload, number: int, content: IncomingContent) -> UploadedPart:
        algorithm = upload.checksum_algorithm
        part = UploadedPart(
            number=number,
            content_id=content.content_id,
            size_bytes=content.size_bytes,
            etag=content.etag(),
            last_modified_us=to_microseconds(self._clock.now()),
            checksum_value=None if algorithm is None else content.checksum(algorithm),
        )
        try:
            content.place()
            replaced = self._insert_part(upload, part)
        except BaseException:
            content.abandon()
            raise
        self._files.settle(kept=[part.content_id], removed=replaced)
        return part

    def _insert_part(self, upload: Upload, part: UploadedPart) -> list[str]:
        table = tables.upload_parts
        is_this = both(table.c.upload_id == upload.upload_id, table.c.number == part.number)
        with self._database.write(durable=True) as connection:
            found = select(tables.uploads.c.upload_id).where(
                tables.uploads.c.upload_id == upload.upload_id
            )
            if connection.execute(found).first() is None:
                raise UploadMissing(f"the multipart upload {upload.upload_id} has ended meanwhile")
            replaced = list(connection.execute(select(table.c.content_id).where(is_this)).scalars())
            self._files.doubt(replaced)
            connection.execute(delete(table).where(is_this))
            connection.execute(
                insert(table),
                {
                    "upload_id": upload.upload_id,
                    "number": part.number,
                    "content_id": part.content_id,
                    "size_bytes": part.size_bytes,
                    "etag": part.etag,
                    "last_modified_us": part.last_modified_us,
                    "checksum_value": part.checksum_value,
                },
            )
        return replaced

    def abort(self, upload: Upload) -> None:
        """End an upload and remove its parts; nothing happens when it has ended already."""
        with self._database.write(durable=True) as connection:
            # The one writer sees with its reading connection what is committed: nothing else changes it.
            contents = [part.content_id for part in self.parts(upload)]
            self._files.doubt(contents)
            done = connection.execute(
                delete(tables.uploads).where(tables.uploads.c.upload_id == upload.upload_id)
            )
            object_locks.forget(connection, [upload.upload_id])
        if done.rowcount:
            self._files.settle(removed=contents)

    def complete(
        self,
        upload: Upload,
        named: Sequence[NamedPart],
        checksum: StoredChecksum | None = None,
        condition: Condition = UNCONDITIONAL,
        *,
        size_bytes: int | None = None,
    ) -> StoredObject:
        """Make the named parts the object, in one transaction.

        `checksum` is what the client says the whole sums up to, `size_bytes` how large it says it is; None believes
        the parts.

        Raises:
            PartsRejected: a part named is missing, different, out of order or too small, or the whole
                does not sum up to the checksum.
            UploadMissing: it was completed or aborted meanwhile.
            ConditionFailed: what is at the key is not as required.
        """
        with self._database.write(durable=True) as connection:
            present = {part.number: part for part in self.parts(upload)}
            if self._select.first(self._database.reader, upload_id=upload.upload_id) is None:
                raise UploadMissing(f"the multipart upload {upload.upload_id} has ended meanwhile")
            chosen = choose_parts(present, named)
            stored, segments = self._assemble(upload, chosen)
            if checksum is not None and stored.checksum != checksum:
                raise PartsRejected(
                    f"the parts sum up to {stored.checksum_value}, not to {checksum.value}"
                )
            if size_bytes not in {None, stored.size_bytes}:
                raise PartsRejected(
                    f"The provided 'x-amz-mp-object-size' header value {size_bytes} does not match "
                    f"what was computed: {stored.size_bytes}"
                )
            stored, superfluous = rows.replace(connection, stored, segments, condition)
            for table in (locks, object_acls):
                connection.execute(
                    update(table)
                    .where(table.c.content_id == upload.upload_id)
                    .values(content_id=stored.content_id)
                )
            used = {part.content_id for part in chosen}
            superfluous += [
                part.content_id for part in present.values() if part.content_id not in used
            ]
            self._files.doubt(superfluous)
            connection.execute(
                delete(tables.uploads).where(tables.uploads.c.upload_id == upload.upload_id)
            )
        self._files.settle(removed=superfluous)
        return stored

    def _assemble(
        self, upload: Upload, parts: Sequence[UploadedPart]
    ) -> tuple[StoredObject, list[Segment]]:
        segments: list[Segment] = []
        offset_bytes = 0
        for part in parts:
            segments.append(
                Segment(part.content_id, offset_bytes, part.size_bytes, part.checksum_value)
            )
            offset_bytes += part.size_bytes
        digests = b"".join(bytes.fromhex(part.etag) for part in parts)
        stored = rows.new_object(
            upload.bucket,
            upload.key,
            content_id=parts[0].content_id,
            size_bytes=offset_bytes,
            etag=f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}",
            modified_us=to_microseconds(self._clock.now()),
            attributes=_attributes(upload),
            checksum=_checksum_of_whole(upload, parts),
            seal=Seal(upload.sealing, b"", upload.sealed_key, upload.sealing_json),
            parts_count=len(parts),
            upload_id=upload.upload_id,
        )
        return stored, segments


def choose_parts(
    present: dict[int, UploadedPart], named: Sequence[NamedPart]
) -> list[UploadedPart]:
    """Return the parts that a client names, each as it was uploaded.

    Raises:
        PartsRejected: none is named, or one is missing, different, out of order or too small.
    """
    if not named:
        raise PartsRejected("name at least one part")
    numbers = [part.number for part in named]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise PartsOutOfOrder("name the parts in ascending order, each once")
    chosen = []
    for part in named:
        found = present.get(part.number)
        if (
            found is None
            or found.etag != part.etag
            or part.checksum_value not in {None, found.checksum_value}
        ):
            raise PartMissing(f"part {part.number} was not uploaded, or not with {part.etag}")
        chosen.append(found)
    for found in chosen[:-1]:
        if found.size_bytes < MINIMUM_PART_BYTES:
            raise PartTooSmall(found.number, found.size_bytes, MINIMUM_PART_BYTES)
    return chosen


def _checksum_of_whole(upload: Upload, parts: Sequence[UploadedPart]) -> StoredChecksum | None:
    algorithm = upload.checksum_algorithm
    sums = [(part.checksum_value, part.size_bytes) for part in parts]
    known = [(value, size_bytes) for value, size_bytes in sums if value is not None]
    if algorithm is None or len(known) < len(parts):
        return None  # begun under the first schema, which kept no checksums
    if upload.checksum_type == "FULL_OBJECT":
        return StoredChecksum(algorithm, checksums.combine(algorithm, known), "FULL_OBJECT")
    composed = checksums.compose(algorithm, [value for value, _ in known])
    return StoredChecksum(algorithm, composed, "COMPOSITE")


def _attributes(upload: Upload) -> Attributes:
    return Attributes(
        json.loads(upload.headers_json),
        json.loads(upload.metadata_json),
        upload.storage_class,
        json.loads(upload.tags_json) if upload.tags_json else {},
    )
