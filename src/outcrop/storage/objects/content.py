"""Content files: sealed as they are written, never changed, removed when no row names them.

Two folders:
    data/<2 hex>/<id>   content that rows name
    incoming/<id>       content in doubt: being written, or written with its row not yet committed, or
                        no longer needed if a commit under way succeeds

A name is put into `incoming` (a hard link to the file under `data`) before the commit that decides over
it and taken out after. So whatever moment a process dies at, the next start looks at `incoming` only:
what a row names is kept, the rest is removed.
"""

import asyncio
import errno
import hashlib
import os
import secrets
import threading
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self

from outcrop.core.errors import StorageFull
from outcrop.crypto.sealed import SealedFile, Sealer, open_small, sealed_size
from outcrop.storage.objects.checksums import Checksum, encode, new_checksum
from outcrop.storage.objects.seals import Seal, file_context
from outcrop.storage.objects.small_contents import SmallContents

BLOCK_BYTES = 1 << 20
# More than there are cores: threads that wait for the disk must not keep others from hashing.
_THREADS = 8
_FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class ContentFiles:
    """The files below one folder.

    Args:
        folder: holds `data` and `incoming`; made where missing.
        reserved_bytes: content is refused when the disk would have less than this left, so that the
            database and running jobs can still write.
        threads: in which contents are read and written.

    Attributes:
        is_near: whether reading a little takes so little that nobody needs to wait for it in a thread.
    """

    is_near = True

    def __init__(self, folder: Path, reserved_bytes: int, threads: int = _THREADS) -> None:
        self._data = folder / "data"
        self._incoming = folder / "incoming"
        self._reserved_bytes = reserved_bytes
        self._data.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(parents=True, exist_ok=True)
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="content")
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._doomed: set[str] = set()
        self._small = SmallContents()

    def path(self, content_id: str) -> Path:
        """Return the file of a content that is in place."""
        return self._data / content_id[:2] / content_id

    def read_small(self, content_id: str, size_bytes: int, data_key: bytes) -> bytes:
        """Return a whole content of at most one chunk, with as few calls as that takes.

        Raises:
            FileNotFoundError: it has been removed.
            SealBroken: it was changed, or the key is not its own.
            OSError: its size is another.
        """
        remembered = self._small.get(content_id, data_key)
        if remembered is not None:
            return remembered
        descriptor = os.open(f"{self._data}/{content_id[:2]}/{content_id}", os.O_RDONLY)
        try:
            content = os.read(descriptor, (sealed_size(size_bytes) if data_key else size_bytes) + 1)
        finally:
            os.close(descriptor)
        if data_key:
            content = open_small(data_key, content, file_context(content_id))
        if len(content) != size_bytes:
            raise OSError(f"content {content_id} has another size than its row says")
        self._small.keep(content_id, data_key, content)
        return content

    def open(self, content_id: str, size_bytes: int, data_key: bytes) -> "OpenContent":
        """Open a content for reading.

        Args:
            content_id: its name.
            size_bytes: what its row says it has.
            data_key: of the object that it belongs to; b"" for content in clear.

        Raises:
            FileNotFoundError: it has been removed.
            SealBroken: it was changed, or the key is not its own.
            OSError: its size is another.
        """
        path = self.path(content_id)
        context = file_context(content_id)
        file: OpenContent = SealedFile(path, data_key, context) if data_key else ClearFile(path)
        if file.size_bytes != size_bytes:
            file.close()
            raise OSError(f"content {content_id} has another size than its row says")
        return file

    def new(self, algorithms: Iterable[str], seal: Seal) -> "IncomingContent":
        """Begin a content; it ends with `place` and `settle`, or with `discard`.

        Args:
            algorithms: checksums to compute besides MD5.
            seal: how it is sealed.
        """
        return IncomingContent(self, self._incoming, algorithms, seal, self._check_room)

    def place(self, content_id: str) -> None:
        """Bring a written and flushed content from `incoming` to `data`, leaving it in doubt."""
        target = self.path(content_id)
        with reporting_full_disk():
            try:
                os.link(self._incoming / content_id, target)
            except FileNotFoundError:
                target.parent.mkdir(exist_ok=True)
                _flush_folder(self._data)
                os.link(self._incoming / content_id, target)
            _flush_folder(target.parent)

    def doubt(self, content_ids: Iterable[str]) -> None:
        """Mark contents that the coming commit makes superfluous."""
        for content_id in content_ids:
            try:
                os.link(self.path(content_id), self._incoming / content_id)
            except (FileExistsError, FileNotFoundError):
                continue

    def settle(self, kept: Iterable[str] = (), removed: Iterable[str] = ()) -> None:
        """Act on what the commit decided; content that is being read goes when its readers have."""
        for content_id in kept:
            (self._incoming / content_id).unlink(missing_ok=True)
        for content_id in removed:
            with self._lock:
                if self._held[content_id] > 0:
                    self._doomed.add(content_id)
                    continue
                del self._held[content_id]
                self._remove(content_id)

    def hold(self, content_ids: Sequence[str]) -> bool:
        """Keep contents in place while they are read; False (and nothing held) when one is gone."""
        with self._lock:
            if not all(self.path(content_id).exists() for content_id in content_ids):
                return False
            self._held.update(content_ids)
            return True

    def release(self, content_ids: Sequence[str]) -> None:
        """End a hold; the last to leave removes what was to go."""
        with self._lock:
            for content_id in content_ids:
                self._held[content_id] -= 1
                if self._held[content_id] <= 0:
                    del self._held[content_id]
                    if content_id in self._doomed:
                        self._doomed.discard(content_id)
                        self._remove(content_id)

    def sweep(self, is_named: Callable[[str], bool]) -> int:
        """Settle what an earlier process left in doubt; return how many files were removed.

        Args:
            is_named: whether a row names the content.
        """
        removed = 0
        for entry in list(self._incoming.iterdir()):
            if is_named(entry.name):
                entry.unlink()
            else:
                self._remove(entry.name)
                removed += 1
        return removed

    def close(self) -> None:
        """End the threads."""
        self.threads.shutdown(wait=True)

    def _remove(self, content_id: str) -> None:
        self.path(content_id).unlink(missing_ok=True)
        (self._incoming / content_id).unlink(missing_ok=True)

    def _check_room(self, descriptor: int, size_bytes: int) -> None:
        disk = os.fstatvfs(descriptor)
        left_bytes = disk.f_bavail * disk.f_frsize - size_bytes
        if left_bytes < self._reserved_bytes:
            raise StorageFull(
                "the disk that holds the objects is full: free some space and send the object again"
            )


class OpenContent(Protocol):
    """A content opened for reading.

    Attributes:
        size_bytes: its size.
    """

    size_bytes: int

    def pieces(self, offset_bytes: int, length_bytes: int) -> Iterator[bytes]:
        """Yield a range of the content in pieces of at most 1 MiB."""

    def close(self) -> None:
        """Stop reading; more than once does no harm."""


class ClearFile:
    """A content that lies on disk as it is, as those of the first schemas do.

    Attributes:
        size_bytes: its size.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size_bytes = os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def pieces(self, offset_bytes: int, length_bytes: int) -> Iterator[bytes]:
        """Yield a range of the content in pieces of at most 1 MiB."""
        end = min(self.size_bytes, offset_bytes + length_bytes)
        while offset_bytes < end:
            piece = os.pread(self._descriptor, min(BLOCK_BYTES, end - offset_bytes), offset_bytes)
            if not piece:
                return
            yield piece
            offset_bytes += len(piece)


class IncomingContent:
    """One content being written: hashed and sealed on the way, in worker threads.

    As a context manager it discards itself at the end, unless it was handed over to a commit.

    Attributes:
        content_id: its name.
        size_bytes: how much of it has been taken in.
        seal: how it is sealed.
    """

    def __init__(
        self,
        files: ContentFiles,
        folder: Path,
        algorithms: Iterable[str],
        seal: Seal,
        check_room: Callable[[int, int], None],
    ) -> None:
        self.content_id = secrets.token_hex(16)
        self.size_bytes = 0
        self.seal = seal
        self._files = files
        self._path = folder / self.content_id
        self._check_room = check_room
        self._sealer: Sealer | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._checksums: dict[str, Checksum] = {name: new_checksum(name) for name in algorithms}
        self._descriptor: int | None = None
        self._is_over = False
        self._is_handed_over = False
        # A cancelled request discards the content while a thread may still be writing to it.
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    async def read_from(self, source: AsyncIterable[bytes] | bytes) -> None:
        """Write a whole stream; the next block is received while the last one is hashed.

        Raises:
            StorageFull: no room; the caller discards the content.
        """
        loop, threads = asyncio.get_running_loop(), self._files.threads
        if isinstance(source, bytes):
            await loop.run_in_executor(threads, self.write, [source])
            return
        block: list[bytes] = []
        block_bytes = 0
        writing: asyncio.Future[None] | None = None
        try:
            async for piece in source:
                block.append(piece)
                block_bytes += len(piece)
                if block_bytes >= BLOCK_BYTES:
                    if writing is not None:
                        await writing
                    writing = loop.run_in_executor(threads, self.write, block)
                    block, block_bytes = [], 0
        finally:
            if writing is not None:
                await writing
        await loop.run_in_executor(threads, self.write, block)

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append bytes and take them into the checksums.

        Raises:
            StorageFull: no room.
        """
        with self._lock, reporting_full_disk():
            if self._is_over:
                return
            descriptor = self._descriptor
            if descriptor is None:
                descriptor = self._descriptor = self._open()
            self._check_room(descriptor, sum(map(len, pieces)))
            for piece in pieces:
                if self._sealer is None:
                    _write_all(descriptor, piece)
                else:
                    self._sealer.update(piece)
                self.size_bytes += len(piece)
                self._md5.update(piece)
                for checksum in self._checksums.values():
                    checksum.update(piece)

    def _open(self) -> int:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._descriptor = descriptor
        if self.seal.data_key:
            self._sealer = Sealer(
                lambda sealed: _write_all(descriptor, sealed),
                self.seal.data_key,
                file_context(self.content_id),
            )
        return descriptor

    def etag(self) -> str:
        """Return the entity tag of what was written: its MD5, unless the seal is to hide that."""
        return secrets.token_hex(16) if self.seal.hides_digest else self._md5.hexdigest()

    def md5(self) -> bytes:
        """Return the MD5 of what was written."""
        return self._md5.digest()

    def checksum(self, algorithm: str) -> str:
        """Return a checksum of what was written, in base64; the algorithm was named at the start."""
        return encode(self._checksums[algorithm].digest())

    def place(self) -> None:
        """Flush the content to disk and bring it in place, in doubt until `ContentFiles.settle`.

        Raises:
            StorageFull: no room.
        """
        self.write([])  # an empty object has a file too
        with self._lock, reporting_full_disk():
            assert self._descriptor is not None
            if self._sealer is not None:
                self._sealer.finish()
            os.fsync(self._descriptor)
            self._close()
            self._files.place(self.content_id)

    def hand_over(self) -> None:
        """Leave the content to a commit that now begins, and that settles it whatever happens."""
        self._is_handed_over = True

    def discard(self) -> None:
        """Remove the content, unless it has been handed over."""
        if self._is_handed_over:
            return
        self.abandon()

    def abandon(self) -> None:
        """Remove the content whoever owns it: for a commit that failed."""
        with self._lock:
            self._close()
            self._files.settle(removed=[self.content_id])

    def _close(self) -> None:
        self._is_over = True
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def reporting_full_disk() -> Iterator[None]:
    """Turn the operating system's ways of saying "no room" into StorageFull."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_DISK:
            raise StorageFull(
                f"the disk that holds the objects is full ({error.strerror}): "
                "free some space and send the object again"
            ) from error
        raise


def _write_all(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
