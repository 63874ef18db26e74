"""Uploads that end before their time: the client goes away, the disk is full, the server is killed."""

import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from outcrop.core.errors import StorageFull
from outcrop.storage.objects.content import IncomingContent
from support.running_server import RunningServer

WAIT_SECONDS = 20


class Stalling(io.RawIOBase):
    """A body of 4 MiB that gives its first half and then waits, as a slow client does."""

    def __init__(self) -> None:
        self.size_bytes = 4 << 20
        self.position = 0
        self.halfway = threading.Event()
        self.go_on = threading.Event()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = 0) -> int:
        self.position = {0: offset, 1: self.position + offset, 2: self.size_bytes + offset}[whence]
        return self.position

    def read(self, size: int = -1) -> bytes:
        if self.position >= self.size_bytes // 2:
            self.halfway.set()
            if not self.go_on.wait(WAIT_SECONDS):
                raise TimeoutError
            raise ConnectionAbortedError("the client gives up")
        size = min(size if size > 0 else self.size_bytes, self.size_bytes // 2 - self.position)
        self.position += size
        return bytes(size)


def begin_upload(s3: Any, bucket: str, key: str) -> tuple[Stalling, threading.Thread]:
    """Send half of an object in a thread of its own."""
    body = Stalling()

    def put() -> None:
        with pytest.raises((BotoCoreError, ClientError, OSError)):
            s3.put_object(Bucket=bucket, Key=key, Body=body, ContentLength=body.size_bytes)

    thread = threading.Thread(target=put)
    thread.start()
    assert body.halfway.wait(WAIT_SECONDS)
    return body, thread


def eventually(condition: Any) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def unsigned_client(server: Any) -> Any:
    """Return a client that sends a body as it reads it: nothing is summed before."""
    return server.client(
        signature_version="s3v4",
        s3={"payload_signing_enabled": False},
        request_checksum_calculation="when_required",
    )


def test_a_client_that_goes_away_leaves_nothing(s3_server: Any, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"old")
    body, thread = begin_upload(unsigned_client(s3_server), bucket, "key")
    assert eventually(s3_server.litter)
    body.go_on.set()
    thread.join()
    assert eventually(lambda: not s3_server.litter())
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"old"


def test_a_full_disk_fails_one_upload_and_says_so(
    s3: Any, s3_server: Any, bucket: str, monkeypatch: pytest.MonkeyPatch, refused: Any
) -> None:
    s3.put_object(Bucket=bucket, Key="kept", Body=b"content")
    write = IncomingContent.write

    def fail_when_large(content: IncomingContent, pieces: list[bytes]) -> None:
        if sum(map(len, pieces)) > 500_000:
            raise StorageFull("the disk that holds the objects is full")
        write(content, pieces)

    monkeypatch.setattr(IncomingContent, "write", fail_when_large)
    large = {"Bucket": bucket, "Key": "large", "Body": os.urandom(2_000_000)}
    assert refused(s3.put_object, **large) == ("InsufficientStorage", 507)
    s3.put_object(Bucket=bucket, Key="small", Body=b"fits")
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"content"
    assert refused(s3.head_object, Bucket=bucket, Key="large") == ("404", 404)
    assert s3_server.litter() == []


@pytest.fixture
def killable(home: Path) -> Iterator[RunningServer]:
    server = RunningServer(home).start()
    yield server
    server.stop()


def content_files(server: RunningServer) -> list[Path]:
    return [path for path in (server.home / "objects" / "data").rglob("*") if path.is_file()]


def litter(server: RunningServer) -> list[Path]:
    return list((server.home / "objects" / "incoming").iterdir())


def test_a_server_killed_during_uploads_keeps_what_was_and_starts_clean(
    killable: RunningServer,
) -> None:
    s3 = killable.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"old")
    upload = s3.create_multipart_upload(Bucket="bucket", Key="parts")
    part = {"Bucket": "bucket", "Key": "parts", "UploadId": upload["UploadId"], "PartNumber": 1}
    etag = s3.upload_part(**part, Body=b"part")["ETag"]
    slow = killable.client(
        "s3", s3={"payload_signing_enabled": False}, request_checksum_calculation="when_required"
    )
    uploads = [begin_upload(slow, "bucket", key) for key in ("key", "new")]
    assert eventually(lambda: len(litter(killable)) == 2)

    killable.kill()
    for body, thread in uploads:
        body.go_on.set()
        thread.join()
    assert len(litter(killable)) == 2
    killable.start()

    s3 = killable.client("s3")
    assert litter(killable) == []
    assert len(content_files(killable)) == 2
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"old"
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["key"]
    del part["PartNumber"]
    named = {"Parts": [{"PartNumber": 1, "ETag": etag, **checksum(s3, part)}]}
    s3.complete_multipart_upload(**part, MultipartUpload=named)
    assert s3.get_object(Bucket="bucket", Key="parts")["Body"].read() == b"part"


def checksum(s3: Any, upload: dict[str, Any]) -> dict[str, str]:
    found = s3.list_parts(**upload)["Parts"][0]
    return {name: value for name, value in found.items() if name.startswith("Checksum")}
