"""What is configured of buckets: one document for each kind, and a snapshot of all of them in memory.

Nearly every request looks at its bucket's policy and tags, so a bucket's documents are read once and kept until one of
them is written. Where several servers share a database, another's writes are seen within a second.
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, bindparam, delete, insert, select

from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.bucket_configuration import bucket_configurations as table
from outcrop.storage.database.tables.objects import buckets
from outcrop.storage.objects.errors import BucketMissing
from outcrop.storage.prepared import Prepared

Kind = Literal[
    "abac",
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "intelligent_tiering",
    "inventory",
    "lifecycle",
    "logging",
    "metrics",
    "notification",
    "object_lock",
    "ownership",
    "policy",
    "public_access_block",
    "request_payment",
    "tagging",
    "website",
]
# A document as boto3 would be given it: wire names, with datetimes.
Document = Any
_SHARED_SECONDS = 1.0
_MOST_KEPT = 10_000
_MOMENT = "$moment"

_OF_BUCKET = Prepared(
    select(table.c.kind, table.c.item, table.c.document_json)
    .select_from(buckets.outerjoin(table, table.c.bucket == buckets.c.name))
    .where(buckets.c.name == bindparam("bucket"))
)


@dataclass(frozen=True, slots=True)
class BucketConfiguration:
    """All that is configured of one bucket at one moment.

    Attributes:
        documents: (kind, item) → document.
        derived: what others computed from the documents, kept as long as they hold.
    """

    documents: Mapping[tuple[str, str], Document] = field(default_factory=dict)
    derived: dict[str, Any] = field(default_factory=dict)

    def document(self, kind: Kind, item: str = "") -> Document | None:
        """Return a document, or None where the thing was never configured."""
        return self.documents.get((kind, item))

    def items(self, kind: Kind) -> dict[str, Document]:
        """Return the documents of a kind of which there can be several, by id in order."""
        return {
            item: document
            for (of_kind, item), document in sorted(
                self.documents.items(), key=lambda pair: pair[0]
            )
            if of_kind == kind
        }


NOT_CONFIGURED = BucketConfiguration()


class BucketConfigurations:
    """The configurations of all buckets.

    Args:
        database: where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[str, tuple[BucketConfiguration, float]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def find(self, bucket: str) -> BucketConfiguration | None:
        """Return what is configured of a bucket, or None where there is no such bucket."""
        kept = self._kept.get(bucket)
        if kept is not None and (
            self._database.is_sqlite or time.monotonic() - kept[1] < _SHARED_SECONDS
        ):
            return kept[0]
        return self._load(bucket)

    def get(self, bucket: str) -> BucketConfiguration:
        """Return what is configured of a bucket.

        Raises:
            BucketMissing: there is none of this name.
        """
        found = self.find(bucket)
        if found is None:
            raise BucketMissing(f"there is no bucket named {bucket}")
        return found

    def put(self, bucket: str, kind: Kind, document: Document, item: str = "") -> None:
        """Configure something of a bucket, durably, in the place of what was configured.

        Raises:
            BucketMissing: there is none of this name.
        """
        self.put_all(bucket, {kind: document}, item)

    def put_all(self, bucket: str, documents: Mapping[Kind, Document], item: str = "") -> None:
        """Configure several things of a bucket in one transaction; None removes one.

        Raises:
            BucketMissing: there is none of this name.
        """
        with self._database.write(durable=True) as connection:
            found = select(buckets.c.name).where(buckets.c.name == bucket)
            if connection.execute(found).first() is None:
                raise BucketMissing(f"there is no bucket named {bucket}")
            write(connection, bucket, documents, item)
        self.forget(bucket)

    def remove(self, bucket: str, kind: Kind, item: str = "") -> bool:
        """Take a configuration away; say whether there was one."""
        with self._database.write(durable=True) as connection:
            removed = _delete(connection, bucket, kind, item)
        self.forget(bucket)
        return removed > 0

    def forget(self, bucket: str) -> None:
        """Read the bucket's documents anew at their next use: for whoever deletes a bucket."""
        with self._lock:
            self._generation += 1
            self._kept.pop(bucket, None)

    def _load(self, bucket: str) -> BucketConfiguration | None:
        generation, now = self._generation, time.monotonic()
        with self._database.read() as connection:
            rows = _OF_BUCKET.all(connection, bucket=bucket)
        if not rows:
            return None
        loaded = BucketConfiguration(
            {(kind, item): _decode(text) for kind, item, text in rows if kind is not None}
        )
        with self._lock:
            # What was read before a write ended must not be kept after it.
            if generation == self._generation:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                self._kept[bucket] = (loaded, now)
        return loaded


def write(
    connection: Connection, bucket: str, documents: Mapping[Kind, Document], item: str = ""
) -> None:
    """Configure things of a bucket inside a transaction; None removes one.

    What is kept in memory has to be forgotten once the transaction has ended (`BucketConfigurations.forget`).
    """
    for kind, document in documents.items():
        _delete(connection, bucket, kind, item)
        if document is not None:
            row = {"bucket": bucket, "kind": kind, "item": item}
            connection.execute(insert(table), {**row, "document_json": _encode(document)})


def _delete(connection: Connection, bucket: str, kind: str, item: str) -> int:
    where = and_(table.c.bucket == bucket, table.c.kind == kind, table.c.item == item)
    return connection.execute(delete(table).where(where)).rowcount


def _encode(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=_moment)


def _moment(value: object) -> dict[str, str]:
    assert isinstance(value, datetime)
    return {_MOMENT: value.isoformat()}


def _decode(text: str) -> Document:
    return json.loads(text, object_hook=_without_moments)


def _without_moments(value: dict[str, Any]) -> Any:  # a mapping, or the moment that it stands for
    return datetime.fromisoformat(value[_MOMENT]) if value.keys() == {_MOMENT} else value
