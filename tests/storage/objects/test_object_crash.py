"""A process killed at any moment of a write leaves the old object or the new one, and no litter.

The kill is a real SIGKILL of a real process, before each of the system calls that change files, one
after the other.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from outcrop.storage.objects.errors import ObjectMissing

Probe = Any  # conftest's StoreProbe: tests are no package to import it from

# Forks a process for each moment, so that the imports are paid for once.
KILLED = """
import asyncio, importlib.util, json, os, signal, sys
from pathlib import Path

folder, conftest, action = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
specification = importlib.util.spec_from_file_location("store_probe", conftest)
module = importlib.util.module_from_spec(specification)
specification.loader.exec_module(module)

def die_at(moment):
    calls = 0
    def guard(call):
        def guarded(*arguments, **named):
            nonlocal calls
            calls += 1
            if calls == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)
        return guarded
    for name in ("open", "write", "fsync", "link", "unlink"):
        setattr(os, name, guard(getattr(os, name)))

def act(probe):
    store = probe.store
    if action == "put":
        asyncio.run(probe.put("key", b"new" * 700_000))
    elif action == "delete":
        probe.delete("key")
    elif action == "multipart":
        asyncio.run(multipart(store))

async def multipart(store):
    upload = store.uploads.create(
        "bucket",
        "key",
        store.get("bucket", "other").attributes,
        "CRC32",
        "FULL_OBJECT",
        seal=store.new_seal("bucket", "key"),
    )
    named = []
    for number in (1, 1, 2, 3):
        with store.uploads.incoming(upload, ["CRC32"]) as incoming:
            await incoming.read_from(b"new" * 10)
            part = await store.uploads.put_part(upload, number, incoming)
        named.append(part)
    from outcrop.storage.objects import uploads
    uploads.MINIMUM_PART_BYTES = 1
    chosen = [uploads.NamedPart(part.number, part.etag) for part in named[1:3]]
    store.uploads.complete(upload, chosen)

moment = int(sys.argv[4])
while True:
    child = os.fork()
    if child == 0:
        try:
            probe = module.StoreProbe(folder)
            die_at(moment)
            act(probe)
            os._exit(0)
        except BaseException as error:
            print(json.dumps(repr(error)), file=sys.stderr)
            os._exit(3)
    status = os.waitpid(child, 0)[1]
    print(json.dumps([moment, status]), flush=True)
    if sys.stdin.readline() != "again\\n":
        break
    moment += 1
"""


async def former_state(probe: Probe) -> None:
    await probe.put("key", b"old")
    if not probe.store.page("bucket", prefix="other").entries:
        await probe.put("other", b"new" * 700_000)


async def content_at_key(probe: Probe) -> bytes | None:
    try:
        return bytes(await probe.read("key"))
    except ObjectMissing:
        return None


@pytest.mark.parametrize(
    ("action", "outcomes", "least_moments"),
    [
        ("put", {b"old", b"new" * 700_000}, 10),
        ("delete", {b"old", None}, 3),
        ("multipart", {b"old", b"new" * 20}, 30),
    ],
)
async def test_a_kill_at_any_moment_leaves_the_old_object_or_the_new_one_and_no_litter(
    probe: Probe, action: str, outcomes: set[bytes | None], least_moments: int
) -> None:
    for first_byte in range(256):
        # All folders at once: a folder made on the way would make moments differ from run to run.
        (probe.folder / "objects" / "data" / f"{first_byte:02x}").mkdir()
    await former_state(probe)
    probe.database.close()
    seen: set[bytes | None] = set()
    arguments = [str(probe.folder), str(Path(__file__).with_name("conftest.py")), action, "1"]
    with subprocess.Popen(  # noqa: ASYNC220  # nothing else runs on this loop
        [sys.executable, "-c", KILLED, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as killer:
        assert killer.stdin is not None
        assert killer.stdout is not None
        while True:
            line = await asyncio.to_thread(killer.stdout.readline)
            moment, status = json.loads(line)
            if not os.WIFSIGNALED(status):
                assert status == 0
                break
            assert os.WTERMSIG(status) == signal.SIGKILL
            seen.add(await check_and_restore(probe, outcomes, f"killed at call {moment}"))
            killer.stdin.write("again\n")
            killer.stdin.flush()
        killer.stdin.close()
    assert moment >= least_moments
    assert seen == outcomes, "kills came on both sides of the commit"


async def check_and_restore(probe: Probe, outcomes: set[bytes | None], when: str) -> bytes | None:
    """Start on what the killed process left, check it, and make the former state again."""
    probe.store.sweep()
    found = await content_at_key(probe)
    assert found in outcomes, when
    assert probe.litter() == [], when
    for upload in probe.store.uploads.page("bucket", "", "", "", 10):
        probe.store.uploads.abort(upload)
    rows = len(probe.store.page("bucket").entries)
    if found == b"new" * 20:
        rows += 1  # that object has two parts
    assert len(probe.files()) == rows, when
    await former_state(probe)
    probe.database.close()
    return found
