"""A journal: records that survive the death of the process from the moment they are given, sealed on disk.

It stands before slower places. A record costs microseconds and no row; whoever carries the records on takes them a
file at a time and says when a file's records have arrived, and only then is the file removed. What a process that
died had not carried on is there again at the next start.
"""

import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from outcrop.core.errors import SealBroken
from outcrop.storage.service_keys import ServiceKeys

_SUFFIX = ".journal"
_LENGTH = struct.Struct(">I")

log = structlog.get_logger("outcrop.storage.journal")


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one file.

    Attributes:
        number: never used twice, growing.
        records: in the order they were given.
        is_repeated: an earlier process, or an earlier try of this one, may have carried some of them on already.
    """

    number: int
    records: list[bytes] = field(repr=False)
    is_repeated: bool


class SealedJournal:
    """A folder of journal files, the last of which is written to.

    Args:
        folder: made at the first record.
        service_keys: wrap the key of each file.
        service: whose key that is, such as "logs".
        wake: called, in the thread that gives the record, when a file has begun.
    """

    def __init__(
        self,
        folder: Path,
        service_keys: ServiceKeys,
        service: str,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._service_keys = service_keys
        self._service = service
        self._wake = wake
        self._lock = threading.Lock()
        self._descriptor = -1
        self._ended = (
            -1
        )  # descriptor of the file that was written to before; open until it is carried on
        self._number = 0
        self._cipher: AESGCM | None = None
        self._records: list[bytes] = []
        self._size_bytes = 0
        # Made now: the first use of a service's key writes a row, which `append` must not.
        service_keys.seal(service, b"", b"")
        self._waiting = self._leftovers()

    def append(self, record: bytes) -> None:
        """Keep a record; from any thread.

        Raises:
            OSError: it could not be written; nothing of it remains.
        """
        with self._lock:
            begun = self._descriptor < 0
            if begun:
                self._begin()
            assert self._cipher is not None
            # The key is this file's alone, so a record's number can serve as its nonce.
            sealed = self._cipher.encrypt(_nonce(len(self._records)), record, None)
            frame = _LENGTH.pack(len(sealed)) + sealed
            try:
                _write_all(self._descriptor, frame)
            except OSError:
                os.ftruncate(self._descriptor, self._size_bytes)
                raise
            self._size_bytes += len(frame)
            self._records.append(record)
        if begun:
            self._wake()

    def sync(self) -> None:
        """Have the disk hold what was given so far: it then survives a power failure too."""
        with self._lock:
            open_files = [item for item in (self._ended, self._descriptor) if item >= 0]
            descriptors = [os.dup(item) for item in open_files]
        for descriptor in descriptors:
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    @property
    def size_bytes(self) -> int:
        """Bytes of the file that is written to."""
        return self._size_bytes

    @property
    def is_empty(self) -> bool:
        """Whether every record that was given has been carried on."""
        return not self._records and not self._waiting

    def take(self) -> Batch | None:
        """Return the oldest records that are not carried on, or None; they come again until `finish`.

        One thread at a time may take and finish.
        """
        if self._waiting:
            return self.read(self._waiting[0])
        records = self._turn()
        return Batch(self._waiting[0], records, is_repeated=False) if records else None

    def waiting(self) -> list[int]:
        """Return the numbers of the files that are to be carried on, the one written to included; in order."""
        self._turn()
        return list(self._waiting)

    def read(self, number: int) -> Batch:
        """Return the records of a file that waits."""
        return Batch(number, self._read(number), is_repeated=True)

    def _turn(self) -> list[bytes]:
        """End the file that is written to and return its records; the next record begins another."""
        with self._lock:
            records = self._records
            if records:
                if self._ended >= 0:
                    os.close(self._ended)
                self._ended = self._descriptor
                self._descriptor, self._cipher, self._records, self._size_bytes = -1, None, [], 0
                self._waiting.append(self._number)
        return records

    def finish(self, batch: Batch) -> None:
        """Forget records that have arrived where they were carried to."""
        self._path(batch.number).unlink(missing_ok=True)
        self._waiting.remove(batch.number)

    def close(self) -> None:
        """Close the file; what it holds is taken up by the next process."""
        with self._lock:
            if self._ended >= 0:
                os.close(self._ended)
                self._ended = -1
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
                self._waiting.append(self._number)
                self._records = []

    def _begin(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._number = max(self._number + 1, time.time_ns())
        key = self._service_keys.new_data_key(self._service, _context(self._number))
        self._descriptor = os.open(
            self._path(self._number),
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC,
            0o600,
        )
        self._cipher = AESGCM(key.plain)
        head = _LENGTH.pack(len(key.wrapped)) + key.wrapped
        _write_all(self._descriptor, head)
        self._size_bytes = len(head)

    def _leftovers(self) -> list[int]:
        numbers = sorted(
            int(path.stem) for path in self._folder.glob(f"*{_SUFFIX}") if path.stem.isdigit()
        )
        self._number = numbers[-1] if numbers else 0
        return numbers

    def _read(self, number: int) -> list[bytes]:
        """Return the records of a file; a last one that was not written to its end was never acknowledged."""
        content = self._path(number).read_bytes()
        frames = _frames(content)
        wrapped = next(frames, None)
        if wrapped is None:
            return []
        try:
            key = self._service_keys.unwrap(self._service, wrapped, _context(number))
            cipher = AESGCM(key)
            return [
                cipher.decrypt(_nonce(index), frame, None) for index, frame in enumerate(frames)
            ]
        except (SealBroken, InvalidTag):
            log.critical("journal_does_not_open", file=str(self._path(number)))
            kept = self._path(number).with_suffix(".damaged")
            self._path(number).rename(kept)
            return []

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}{_SUFFIX}"


def _frames(content: bytes) -> Iterator[bytes]:
    at = 0
    while at + _LENGTH.size <= len(content):
        (length,) = _LENGTH.unpack_from(content, at)
        at += _LENGTH.size
        if at + length > len(content):
            return
        yield content[at : at + length]
        at += length


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _context(number: int) -> bytes:
    return f"journal/{number}".encode()


def _write_all(descriptor: int, content: bytes) -> None:
    written = os.write(descriptor, content)
    while written < len(content):
        written += os.write(descriptor, content[written:])
