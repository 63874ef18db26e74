"""Objects: put, read, replaced and deleted, with nothing left over."""

import asyncio
import base64
import errno
import hashlib
import os
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from outcrop.core.clock import SystemClock
from outcrop.core.errors import SealBroken, StorageFull
from outcrop.storage.objects import ObjectStore
from outcrop.storage.objects.errors import (
    BucketExists,
    BucketMissing,
    BucketNotEmpty,
    ConditionFailed,
    ObjectMissing,
)
from outcrop.storage.objects.records import Attributes, Condition, StoredChecksum
from outcrop.storage.objects.seals import UNSEALED

Probe = Any  # conftest's StoreProbe: tests are no package to import it from


async def test_an_object_comes_back_as_it_was_put(probe: Probe) -> None:
    content = os.urandom(3_000_000)
    with probe.incoming("CRC32", "SHA256", key="a/b") as incoming:
        await incoming.read_from(content)
        checksum = StoredChecksum("CRC32", incoming.checksum("CRC32"), "FULL_OBJECT")
        stored = await probe.store.put(
            "bucket",
            "a/b",
            incoming,
            attributes=Attributes({"content-type": "text/plain"}, {"one": "1"}),
            checksum=checksum,
        )
    assert await probe.read("a/b") == content
    assert probe.store.get("bucket", "a/b") == stored
    assert stored.etag == hashlib.md5(content).hexdigest()
    assert stored.headers == {"content-type": "text/plain"}
    assert stored.metadata == {"one": "1"}
    assert stored.checksum == checksum
    assert base64.b64decode(checksum.value) == zlib.crc32(content).to_bytes(4, "big")
    assert probe.litter() == []


async def test_a_stream_of_any_pieces_is_one_object(probe: Probe) -> None:
    content = os.urandom(5_000_001)

    async def stream() -> AsyncIterator[bytes]:
        start, size = 0, 1
        while start < len(content):
            yield content[start : start + size]
            start, size = start + size, min(size * 3, 700_000)

    with probe.incoming() as incoming:
        await incoming.read_from(stream())
        await probe.store.put("bucket", "key", incoming)
    assert await probe.read("key") == content


async def test_an_empty_object_is_an_object(probe: Probe) -> None:
    stored = await probe.put("empty", b"")
    assert stored.etag == "d41d8cd98f00b204e9800998ecf8427e"
    assert await probe.read("empty") == b""
    assert probe.store.read_now(stored, 0, 0, probe.store.data_key(stored)) == b""


async def test_replacing_an_object_removes_the_former_content(probe: Probe) -> None:
    await probe.put("key", b"old")
    await probe.put("key", b"new")
    assert await probe.read("key") == b"new"
    assert len(probe.files()) == 1
    assert probe.litter() == []


async def test_deleting_an_object_removes_its_content_and_deleting_it_again_is_harmless(
    probe: Probe,
) -> None:
    await probe.put("key", b"old")
    probe.delete("key", "never")
    probe.delete("key")
    assert probe.files() == []
    assert probe.litter() == []
    with pytest.raises(ObjectMissing):
        probe.store.get("bucket", "key")


async def test_content_given_up_leaves_nothing(probe: Probe) -> None:
    with probe.incoming() as incoming:
        await incoming.read_from(b"x" * 2_000_000)
    assert probe.litter() == []
    assert probe.files() == []


async def test_a_source_that_fails_half_way_leaves_nothing(probe: Probe) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        raise ConnectionError

    with pytest.raises(ConnectionError), probe.incoming() as incoming:
        await incoming.read_from(broken())
    assert probe.litter() == []


async def test_a_cancelled_upload_leaves_nothing(probe: Probe) -> None:
    received = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000_000
            received.set()
            await asyncio.sleep(0)

    async def upload() -> None:
        with probe.incoming("SHA256") as incoming:
            await incoming.read_from(endless())

    task = asyncio.create_task(upload())
    await received.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert probe.litter() == []


async def test_an_object_can_be_read_to_its_end_while_it_is_replaced(probe: Probe) -> None:
    content = os.urandom(1_000_000)
    stored = await probe.put("key", content)
    stream = probe.store.open(stored, 0, stored.size_bytes)
    first = await anext(stream)
    await probe.put("key", b"new")
    rest = b"".join([piece async for piece in stream])
    assert first + rest == content
    assert len(probe.files()) == 1
    assert probe.litter() == []


async def test_a_reader_that_is_forgotten_lets_go_of_its_file(probe: Probe) -> None:
    stored = await probe.put("key", b"content")
    stream = probe.store.open(stored, 0, 7)
    probe.delete("key")
    assert len(probe.files()) == 1
    del stream
    assert probe.files() == []


async def test_opening_what_was_replaced_meanwhile_says_so(probe: Probe) -> None:
    stored = await probe.put("key", b"old")
    await probe.put("key", b"new")
    with pytest.raises(ObjectMissing, match="replaced"):
        probe.store.open(stored, 0, 3)


async def test_a_range_is_read_alone(probe: Probe) -> None:
    content = os.urandom(600_000)
    stored = await probe.put("key", content)
    stream = probe.store.open(stored, 100_000, 400_000)
    assert b"".join([piece async for piece in stream]) == content[100_000:500_000]


async def test_no_content_lies_on_disk_in_clear(probe: Probe) -> None:
    await probe.put("key", b"canary" * 100_000)
    assert all(b"canary" not in path.read_bytes() for path in probe.files())


async def test_content_that_was_changed_or_exchanged_on_disk_is_not_given_out(
    probe: Probe,
) -> None:
    await probe.put("a", b"first " * 10)
    await probe.put("b", b"second" * 10)
    paths = probe.files()
    first, second = (path.read_bytes() for path in paths)
    paths[0].write_bytes(second)
    paths[1].write_bytes(first)
    for key in ("a", "b"):
        with pytest.raises(SealBroken):
            await probe.read(key)
    paths[0].write_bytes(first[:-1] + bytes([first[-1] ^ 1]))
    paths[1].write_bytes(second[:-1])
    for key in ("a", "b"):
        with pytest.raises((SealBroken, OSError)):
            await probe.read(key)


async def test_content_of_homes_made_before_sealing_is_read(probe: Probe) -> None:
    with probe.store.incoming(UNSEALED) as incoming:
        await incoming.read_from(b"old content")
        stored = await probe.store.put("bucket", "old", incoming)
    assert [path.read_bytes() for path in probe.files()] == [b"old content"]
    assert stored.sealing == ""
    assert await probe.read("old") == b"old content"
    stream = probe.store.open(stored, 4, 3)
    assert b"".join([piece async for piece in stream]) == b"con"


async def test_conditions_on_what_is_at_the_key_are_held(probe: Probe) -> None:
    async def put(condition: Condition) -> None:
        with probe.incoming() as incoming:
            await incoming.read_from(b"other")
            await probe.store.put("bucket", "key", incoming, condition=condition)

    with pytest.raises(ObjectMissing):
        await put(Condition(etag="0" * 32))
    stored = await probe.put("key", b"first")
    with pytest.raises(ConditionFailed):
        await put(Condition(must_be_absent=True))
    with pytest.raises(ConditionFailed):
        await put(Condition(etag="0" * 32))
    assert await probe.read("key") == b"first"
    assert probe.litter() == []
    assert len(probe.files()) == 1
    await put(Condition(etag=stored.etag))
    assert await probe.read("key") == b"other"


async def test_only_one_of_many_conditional_puts_wins(probe: Probe) -> None:
    async def put(number: int) -> bool:
        try:
            with probe.incoming() as incoming:
                await incoming.read_from(b"%d" % number)
                await probe.store.put(
                    "bucket", "key", incoming, condition=Condition(must_be_absent=True)
                )
        except ConditionFailed:
            return False
        return True

    assert sum(await asyncio.gather(*map(put, range(10)))) == 1
    assert len(probe.files()) == 1


async def test_an_object_without_a_bucket_is_refused_and_leaves_nothing(probe: Probe) -> None:
    with pytest.raises(BucketMissing, match="elsewhere"):
        await probe.put("key", b"content", bucket="elsewhere")
    assert probe.files() == []
    assert probe.litter() == []


async def test_buckets_are_unique_and_deleted_only_when_empty(probe: Probe) -> None:
    buckets = probe.store.buckets
    with pytest.raises(BucketExists):
        buckets.create("bucket", "us-east-1")
    await probe.put("key", b"content")
    with pytest.raises(BucketNotEmpty):
        buckets.delete("bucket")
    probe.delete("key")
    buckets.delete("bucket")
    with pytest.raises(BucketMissing):
        buckets.delete("bucket")
    assert buckets.list() == []


async def test_a_disk_that_fills_up_fails_this_object_and_no_other(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    await probe.put("kept", b"content")
    write = os.write

    def fail_when_large(descriptor: int, data: bytes) -> int:
        if len(data) > 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", fail_when_large)
    with pytest.raises(StorageFull, match="full"):
        await probe.put("kept", b"x" * 2000)
    assert probe.litter() == []
    assert await probe.read("kept") == b"content"
    await probe.put("small", b"still fits")
    assert await probe.read("small") == b"still fits"


async def test_space_is_left_for_the_database(probe: Probe, tmp_path: Path) -> None:
    greedy = ObjectStore(
        tmp_path / "greedy", probe.database, SystemClock(), probe.keys, reserved_bytes=1 << 60
    )
    seal = greedy.new_seal("bucket", "key")
    with pytest.raises(StorageFull), greedy.incoming(seal) as incoming:
        await incoming.read_from(b"content")
    assert list((tmp_path / "greedy" / "incoming").iterdir()) == []
    greedy.close()


@pytest.mark.parametrize("moment", ["fsync", "link"])
async def test_a_put_that_fails_late_keeps_the_former_object(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    await probe.put("key", b"old")

    def calls(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, moment, calls)
    with pytest.raises(OSError, match="Input/output"):
        await probe.put("key", b"new")
    monkeypatch.undo()
    assert await probe.read("key") == b"old"
    assert len(probe.files()) == 1
    assert probe.litter() == []


async def test_small_content_is_read_at_once_and_verified(probe: Probe) -> None:
    stored = await probe.put("key", b"c" * 65_536)
    (path,) = probe.files()
    sealed = path.read_bytes()
    for changed in (sealed[:-1], sealed + b"x", sealed[:50] + b"x" + sealed[51:], b"x" * 99):
        path.write_bytes(changed)
        with pytest.raises((SealBroken, OSError)):
            probe.store.read_small(stored)
    path.write_bytes(sealed)
    assert probe.store.read_small(stored) == b"c" * 65_536
    larger = await probe.put("larger", b"c" * 65_537)
    assert probe.store.read_small(larger) is None
