"""Uploading 1 GiB through boto3's `upload_file`, against writing and hashing the same bytes from Python.

Claims: at least half the speed; the server's memory grows by less than 100 MB.
Both sides read the same file, write its bytes to the same disk, flush them, and compute their MD5 and CRC32; they
take turns. The client is a process of its own, as boto3's users are; HTTP and HTTPS are measured.
Run: python bench/upload_1gib.py [folder]
"""

import hashlib
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.machine import describe_machine
from support.running_server import RunningServer

SIZE_BYTES = 1 << 30
BLOCK_BYTES = 1 << 20
REPEATS = 3
SAMPLE_SECONDS = 0.05


def write_and_hash(source: Path, target: Path) -> float:
    """Return the seconds it takes to copy a file while computing its MD5 and CRC32."""
    started = time.perf_counter()
    md5, crc = hashlib.md5(usedforsecurity=False), 0
    with source.open("rb") as reading, target.open("wb") as writing:
        while block := reading.read(BLOCK_BYTES):
            writing.write(block)
            md5.update(block)
            crc = zlib.crc32(block, crc)
        writing.flush()
        os.fsync(writing.fileno())
    seconds = time.perf_counter() - started
    assert md5.digest()
    target.unlink()
    return seconds


def upload(source: str, client: dict[str, str]) -> None:
    """Upload the file; runs in a process of its own."""
    boto3.client("s3", **client).upload_file(source, "bench", "object")


def time_upload(source: Path, server: RunningServer, *, tls: bool) -> float:
    """Return the seconds between the start of the client's call and its end."""
    client = {
        "endpoint_url": server.tls_endpoint if tls else server.endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": server.root_key["access_key_id"],
        "aws_secret_access_key": server.root_key["secret_access_key"],
        "verify": str(server.home / "ca" / "ca.pem") if tls else None,
    }
    with multiprocessing.get_context("fork").Pool(1) as pool:
        started = time.perf_counter()
        pool.apply(upload, (str(source), client))
        seconds = time.perf_counter() - started
    s3 = server.client("s3")
    assert s3.head_object(Bucket="bench", Key="object")["ContentLength"] == SIZE_BYTES
    s3.delete_object(Bucket="bench", Key="object")
    return seconds


@contextmanager
def peak_memory(server: RunningServer) -> Iterator[list[float]]:
    """Give a list that ends with the most MB that the server's processes held during the block."""
    samples: list[float] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            samples.append(sum(item.memory_info().rss for item in server.family()) / 1e6)

    watcher = threading.Thread(target=sample)
    watcher.start()
    try:
        yield samples
    finally:
        ended.set()
        watcher.join()
        samples.append(max(samples))


def main() -> None:
    """Take turns and print each side's seconds, the ratio of speeds and the growth in memory."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    source = folder / "source"
    with source.open("wb") as file:
        for _ in range(SIZE_BYTES // BLOCK_BYTES):
            file.write(os.urandom(BLOCK_BYTES))
    server = RunningServer(folder / "home").start()
    seconds: dict[str, list[float]] = {"python": [], "http": [], "https": []}
    try:
        server.client("s3").create_bucket(Bucket="bench")
        before = sum(item.memory_info().rss for item in server.family()) / 1e6
        with peak_memory(server) as samples:
            for _ in range(REPEATS):
                seconds["python"].append(write_and_hash(source, folder / "copy"))
                seconds["http"].append(time_upload(source, server, tls=False))
                seconds["https"].append(time_upload(source, server, tls=True))
    finally:
        server.stop()
        source.unlink()
    print(describe_machine())
    own = statistics.median(seconds["python"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(
            f"{name:>6}: {median:5.2f} s (from {min(taken):.2f} to {max(taken):.2f}), "
            f"{SIZE_BYTES / 1e6 / median:4.0f} MB/s, {own / median:.2f} of Python's speed"
        )
    print(f"server memory: {before:.0f} MB before, {samples[-1] - before:.0f} MB more at its peak")


if __name__ == "__main__":
    main()
