"""A store in a folder of its own, and what tests ask of it again and again."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from outcrop.core.clock import SystemClock
from outcrop.storage.database import migrations
from outcrop.storage.database.engine import Database
from outcrop.storage.objects import ObjectStore
from outcrop.storage.objects.records import StoredObject


class StoreProbe:
    """An object store with shorthands for tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database.at(folder / "outcrop.db")
        migrations.upgrade(self.database)
        self.store = ObjectStore(folder / "objects", self.database, SystemClock())

    async def put(self, key: str, content: bytes, bucket: str = "bucket") -> StoredObject:
        with self.store.incoming(["CRC32"]) as incoming:
            await incoming.read_from(content)
            return await self.store.put(bucket, key, incoming)

    async def read(self, key: str, bucket: str = "bucket") -> bytes:
        stored = self.store.get(bucket, key)
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
