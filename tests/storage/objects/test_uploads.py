"""Multipart uploads: parts in any order, kept once, and whole or not at all."""

import asyncio
import hashlib
import os
import zlib
from typing import Any

import pytest

from outcrop.storage.objects import uploads as uploads_module
from outcrop.storage.objects.checksums import encode
from outcrop.storage.objects.errors import (
    PartMissing,
    PartsOutOfOrder,
    PartsRejected,
    PartTooSmall,
    UploadMissing,
)
from outcrop.storage.objects.records import StoredChecksum, Upload, UploadedPart
from outcrop.storage.objects.uploads import NamedPart

Probe = Any  # conftest's StoreProbe: tests are no package to import it from


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads_module, "MINIMUM_PART_BYTES", 1000)


def begin(probe: Probe, kind: str = "FULL_OBJECT") -> Upload:
    upload: Upload = probe.begin_upload(
        kind=kind, headers={"content-type": "a/b"}, metadata={"m": "1"}
    )
    return upload


async def put_part(probe: Probe, upload: Upload, number: int, content: bytes) -> UploadedPart:
    with probe.store.uploads.incoming(upload, ["CRC32"]) as incoming:
        await incoming.read_from(content)
        part: UploadedPart = await probe.store.uploads.put_part(upload, number, incoming)
    return part


def named(*parts: UploadedPart) -> list[NamedPart]:
    return [NamedPart(part.number, part.etag, part.checksum_value) for part in parts]


async def test_parts_become_one_object_without_being_copied(probe: Probe) -> None:
    contents = [os.urandom(300_000), os.urandom(2_000), os.urandom(10)]
    upload = begin(probe)
    order = [(3, contents[2]), (1, contents[0]), (2, contents[1])]
    parts = await asyncio.gather(*(put_part(probe, upload, *item) for item in order))
    inodes = {path.stat().st_ino for path in probe.files()}

    stored = probe.store.uploads.complete(upload, named(parts[1], parts[2], parts[0]))

    whole = b"".join(contents)
    assert await probe.read("key") == whole
    assert {path.stat().st_ino for path in probe.files()} == inodes
    digests = b"".join(hashlib.md5(content).digest() for content in contents)
    assert stored.etag == hashlib.md5(digests).hexdigest() + "-3"
    assert stored.headers == {"content-type": "a/b"}
    assert stored.checksum == StoredChecksum(
        "CRC32", encode(zlib.crc32(whole).to_bytes(4, "big")), "FULL_OBJECT"
    )
    assert probe.store.uploads.page("bucket", "", "", "", 10) == []
    assert probe.litter() == []


async def test_ranges_across_parts_are_read_right(probe: Probe) -> None:
    contents = [os.urandom(1_500), os.urandom(1_200), os.urandom(50)]
    upload = begin(probe)
    parts = [await put_part(probe, upload, n, c) for n, c in enumerate(contents, start=1)]
    stored = probe.store.uploads.complete(upload, named(*parts))
    whole = b"".join(contents)
    for start, end in [(0, 2750), (1499, 1501), (1500, 2700), (2699, 2750), (10, 11), (1600, 2740)]:
        stream = probe.store.open(stored, start, end - start)
        assert b"".join([piece async for piece in stream]) == whole[start:end]


async def test_a_composite_checksum_is_that_of_the_parts_digests(probe: Probe) -> None:
    upload = begin(probe, "COMPOSITE")
    contents = [os.urandom(1_500), os.urandom(50)]
    parts = [await put_part(probe, upload, n, c) for n, c in enumerate(contents, start=1)]
    stored = probe.store.uploads.complete(upload, named(*parts))
    digests = b"".join(zlib.crc32(content).to_bytes(4, "big") for content in contents)
    assert stored.checksum_value == encode(zlib.crc32(digests).to_bytes(4, "big")) + "-2"
    assert stored.checksum_type == "COMPOSITE"


async def test_a_part_put_again_replaces_the_first(probe: Probe) -> None:
    upload = begin(probe)
    await put_part(probe, upload, 1, b"first")
    part = await put_part(probe, upload, 1, b"second")
    assert [item.number for item in probe.store.uploads.parts(upload)] == [1]
    assert len(probe.files()) == 1
    probe.store.uploads.complete(upload, named(part))
    assert await probe.read("key") == b"second"


async def test_parts_that_are_not_named_are_removed(probe: Probe) -> None:
    upload = begin(probe)
    first = await put_part(probe, upload, 1, b"first")
    await put_part(probe, upload, 2, b"second")
    probe.store.uploads.complete(upload, named(first))
    assert await probe.read("key") == b"first"
    assert len(probe.files()) == 1


async def test_an_aborted_upload_leaves_nothing(probe: Probe) -> None:
    upload = begin(probe)
    await put_part(probe, upload, 1, b"first")
    probe.store.uploads.abort(upload)
    probe.store.uploads.abort(upload)
    assert probe.files() == []
    assert probe.litter() == []
    with pytest.raises(UploadMissing):
        await put_part(probe, upload, 1, b"late")
    assert probe.files() == []
    probe.store.buckets.delete("bucket")


async def test_wrong_parts_are_refused_and_the_upload_goes_on(probe: Probe) -> None:
    upload = begin(probe)
    first = await put_part(probe, upload, 1, b"x" * 999)
    second = await put_part(probe, upload, 2, b"y" * 50)
    complete = probe.store.uploads.complete
    with pytest.raises(PartMissing, match="part 3"):
        complete(upload, [*named(first), NamedPart(3, "0" * 32)])
    with pytest.raises(PartMissing, match="part 1"):
        complete(upload, [NamedPart(1, "0" * 32)])
    with pytest.raises(PartMissing, match="part 1"):
        complete(upload, [NamedPart(1, first.etag, "AAAAAA==")])
    with pytest.raises(PartsOutOfOrder):
        complete(upload, named(second, first))
    with pytest.raises(PartsOutOfOrder):
        complete(upload, named(first, first))
    with pytest.raises(PartTooSmall, match="999 bytes"):
        complete(upload, named(first, second))
    with pytest.raises(PartsRejected, match="at least one"):
        complete(upload, [])
    with pytest.raises(PartsRejected, match="sum up"):
        complete(upload, named(second), StoredChecksum("CRC32", "AAAAAA==", "FULL_OBJECT"))
    complete(upload, named(second))
    assert await probe.read("key") == b"y" * 50
    with pytest.raises(UploadMissing):
        complete(upload, named(second))


async def test_a_bucket_goes_with_the_uploads_begun_in_it(probe: Probe) -> None:
    upload = begin(probe)
    await put_part(probe, upload, 1, b"first")
    probe.store.buckets.delete("bucket")
    assert probe.files() == []
    assert probe.litter() == []
    with pytest.raises(UploadMissing):
        probe.store.uploads.get("bucket", "key", upload.upload_id)


async def test_every_part_is_sealed_under_a_key_of_its_own(probe: Probe) -> None:
    upload = begin(probe)
    parts = [await put_part(probe, upload, n, b"secret" * 200) for n in (1, 2)]
    sealed = [path.read_bytes() for path in probe.files()]
    assert all(b"secret" not in content for content in sealed)
    assert sealed[0] != sealed[1]
    probe.store.uploads.complete(upload, named(*parts))
    assert await probe.read("key") == b"secret" * 400


async def test_a_completed_upload_is_found_as_long_as_its_object_is_there(probe: Probe) -> None:
    upload = begin(probe)
    part = await put_part(probe, upload, 1, b"first")
    stored = probe.store.uploads.complete(upload, named(part))
    assert probe.store.uploads.completed("bucket", "key", upload.upload_id) == stored
    await probe.put("key", b"other")
    assert probe.store.uploads.completed("bucket", "key", upload.upload_id) is None


async def test_uploads_are_listed_by_key_and_id(probe: Probe) -> None:
    made = [probe.begin_upload(key) for key in ("b", "a", "b", "c/d")]
    expected = sorted((upload.key, upload.upload_id) for upload in made)
    first = probe.store.uploads.page("bucket", "", "", "", 2)
    rest = probe.store.uploads.page("bucket", "", first[-1].key, first[-1].upload_id, 10)
    assert [(item.key, item.upload_id) for item in first + rest] == expected
    assert [item.key for item in probe.store.uploads.page("bucket", "c/", "", "", 10)] == ["c/d"]
