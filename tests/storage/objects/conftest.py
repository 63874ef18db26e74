"""A store in a folder of its own, and what tests ask of it again and again."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from outcrop.core.clock import SystemClock
from outcrop.crypto.key_source import FileKeySource
from outcrop.storage.database import migrations
from outcrop.storage.database.engine import Database
from outcrop.storage.objects import ObjectStore
from outcrop.storage.objects.content import IncomingContent
from outcrop.storage.objects.records import (
    Attributes,
    ChecksumType,
    Deletion,
    Doomed,
    StoredObject,
    Upload,
)
from outcrop.storage.service_keys import ServiceKeys


class StoreProbe:
    """An object store with shorthands for tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database.at(folder / "outcrop.db")
        migrations.upgrade(self.database)
        self.keys = ServiceKeys(self.database, FileKeySource(folder / "key"))
        self.store = ObjectStore(folder / "objects", self.database, SystemClock(), self.keys)

    def incoming(self, *algorithms: str, key: str = "key") -> IncomingContent:
        """Begin a content for a key of the bucket."""
        return self.store.incoming(self.store.new_seal("bucket", key), algorithms)

    def begin_upload(
        self,
        key: str = "key",
        kind: ChecksumType = "FULL_OBJECT",
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Upload:
        """Begin a multipart upload."""
        return self.store.uploads.create(
            "bucket",
            key,
            Attributes(headers or {}, metadata or {}),
            "CRC32",
            kind,
            seal=self.store.new_seal("bucket", key),
        )

    def delete(self, *keys: str, version_id: str | None = None) -> list[Deletion]:
        """Delete keys, or one version of a key."""
        done = []
        for result in self.store.delete("bucket", [Doomed(key, version_id) for key in keys]):
            assert isinstance(result, Deletion), result
            done.append(result)
        return done

    async def put(self, key: str, content: bytes, bucket: str = "bucket") -> StoredObject:
        with self.store.incoming(self.store.new_seal(bucket, key), ["CRC32"]) as incoming:
            await incoming.read_from(content)
            return await self.store.put(bucket, key, incoming)

    async def read(self, key: str, bucket: str = "bucket", version_id: str | None = None) -> bytes:
        stored = self.store.get(bucket, key, version_id)
        stream = self.store.open(stored, 0, stored.size_bytes)
        return b"".join([piece async for piece in stream])

    def files(self) -> list[Path]:
        """Content files in place."""
        return [path for path in (self.folder / "objects" / "data").rglob("*") if path.is_file()]

    def litter(self) -> list[str]:
        """Names left in doubt."""
        return sorted(path.name for path in (self.folder / "objects" / "incoming").iterdir())

    def close(self) -> None:
        self.store.close()
        self.database.close()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[StoreProbe]:
    probe = StoreProbe(tmp_path)
    probe.store.buckets.create("bucket", "us-east-1")
    yield probe
    probe.close()
