"""Where events come to rest: files of one stream each, sealed blocks one after the other.

A block is a header in clear (times, counts: what finding needs) and its events, compressed and sealed under the key of
their group; the header is bound to the seal. Blocks are in order of arrival, events within one in order of their
times. A file that is full is never written again and is removed as a whole when its newest event is past keeping.
"""

import heapq
import os
import shutil
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from outcrop.crypto.sealed import open_bytes, seal_bytes

_HEADER = struct.Struct(">4sIHQIqqQ")
_MAGIC = b"OLB1"
_FULL_BYTES = 8 << 20
_BLOCK_TEXT = 256 << 10  # characters of messages in a block, more or less
_REMEMBERED_FILES = 256
_SUFFIX = ".segment"

KeyOf = Callable[[int], bytes]


class Event(NamedTuple):
    """An event of a stream.

    Attributes:
        timestamp_ms: when it happened, as its sender says.
        sequence: tells events of one stream and moment apart, in order of arrival.
        ingested_ms: when it came in.
    """

    timestamp_ms: int
    sequence: int
    ingested_ms: int
    message: str


class Block(NamedTuple):
    """Where a block lies and what its header tells."""

    path: Path
    offset: int
    length: int
    key_number: int
    batch: int
    events: int
    first_ms: int
    last_ms: int
    first_sequence: int


@dataclass(frozen=True, slots=True)
class Span:
    """Which events are wanted, by time; both ends belong to it."""

    first_ms: int
    last_ms: int


class SegmentFiles:
    """The files of every stream.

    Args:
        folder: has a folder for each group, with one for each of its streams.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._headers: OrderedDict[Path, tuple[int, list[Block]]] = OrderedDict()

    def append(
        self, stream: "Place", batch: int, key_number: int, key: bytes, events: Sequence[Event]
    ) -> int:
        """Write events of one batch and return how many bytes they took.

        Args:
            batch: number of the journal file that they come from.
            key_number: which of the group's keys seals them.
            key: that key.
            events: in order of (timestamp_ms, sequence).
        """
        folder = stream.folder(self._folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._open_segment(folder)
        content = b"".join(
            _sealed_block(stream, batch, key_number, key, part) for part in _parts(events)
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            try:
                written = os.write(descriptor, content)
                while written < len(content):
                    written += os.write(descriptor, content[written:])
            except OSError:
                os.ftruncate(descriptor, size)
                raise
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        return len(content)

    def drop_tail(self, stream: "Place", batch: int) -> None:
        """Remove what a batch left in a stream when it was last carried here, and what was torn."""
        files = _segments(stream.folder(self._folder))
        if not files:
            return
        path = files[-1]
        end = 0
        for block in self._blocks(path):
            if block.batch == batch:
                break
            end = block.offset + block.length
        os.truncate(path, end)
        self._headers.pop(path, None)

    def blocks(self, stream: "Place", span: Span) -> list[Block]:
        """Return the blocks that may hold events of a span."""
        return [
            block
            for path in _segments(stream.folder(self._folder))
            for block in self._blocks(path)
            if block.first_ms <= span.last_ms and block.last_ms >= span.first_ms
        ]

    def read(
        self, stream: "Place", key_of: KeyOf, span: Span, *, newest_first: bool = False
    ) -> Iterator[Event]:
        """Yield a stream's events in order of their times, without holding more than what overlaps.

        Args:
            key_of: number of a key of the group → the key.
            span: which events.
            newest_first: in the opposite order.

        Raises:
            SealBroken: a file was changed.
        """
        blocks = self.blocks(stream, span)
        sign = -1 if newest_first else 1
        blocks.sort(key=lambda block: -block.last_ms if newest_first else block.first_ms)
        heap: list[tuple[int, int, Event]] = []
        at = 0
        while heap or at < len(blocks):
            while at < len(blocks):
                block = blocks[at]
                edge = -block.last_ms if newest_first else block.first_ms
                if heap and edge > heap[0][0]:
                    break
                at += 1
                for event in _opened(stream, block, key_of(block.key_number)):
                    if span.first_ms <= event.timestamp_ms <= span.last_ms:
                        key = (sign * event.timestamp_ms, sign * event.sequence, event)
                        heapq.heappush(heap, key)
            if heap:
                yield heapq.heappop(heap)[2]

    def expire(self, stream: "Place", before_ms: int) -> int:
        """Remove full files whose newest event is older than a moment; return how many bytes that freed."""
        freed = 0
        for path in _segments(stream.folder(self._folder)):
            blocks = self._blocks(path)
            if blocks and max(block.last_ms for block in blocks) < before_ms:
                freed += path.stat().st_size
                path.unlink(missing_ok=True)
                self._headers.pop(path, None)
        return freed

    def remove_stream(self, stream: "Place") -> None:
        """Remove every event of a stream."""
        shutil.rmtree(stream.folder(self._folder), ignore_errors=True)
        self._forget()

    def remove_group(self, group_id: str) -> None:
        """Remove every event of a group."""
        shutil.rmtree(self._folder / group_id, ignore_errors=True)
        self._forget()

    def group_ids(self) -> list[str]:
        """Return the ids of groups that have files."""
        return [path.name for path in self._folder.iterdir()] if self._folder.exists() else []

    def _forget(self) -> None:
        self._headers.clear()

    def _open_segment(self, folder: Path) -> Path:
        files = _segments(folder)
        if not files:
            return folder / f"{1:08d}{_SUFFIX}"
        last = files[-1]
        if last.stat().st_size < _FULL_BYTES:
            return last
        return folder / f"{int(last.stem) + 1:08d}{_SUFFIX}"

    def _blocks(self, path: Path) -> list[Block]:
        """Return the blocks of a file; what is known of it is not read again."""
        known, blocks = self._headers.get(path, (0, []))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            size = os.fstat(descriptor).st_size
            if size > known:
                blocks = [*blocks, *_headers(descriptor, path, known, size)]
        finally:
            os.close(descriptor)
        end = blocks[-1].offset + blocks[-1].length if blocks else 0
        self._headers[path] = (end, blocks)
        while len(self._headers) > _REMEMBERED_FILES:
            try:
                self._headers.popitem(last=False)
            except KeyError:  # another thread was faster
                break
        return blocks


@dataclass(frozen=True, slots=True)
class Place:
    """A stream, as its files know it."""

    group_id: str
    stream_id: int

    def folder(self, root: Path) -> Path:
        """Return the folder of the stream's files."""
        return root / self.group_id / str(self.stream_id)


def _segments(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX)
    except FileNotFoundError:
        return []


def _parts(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    start = size = 0
    for index, event in enumerate(events):
        size += len(event.message)
        if size >= _BLOCK_TEXT:
            yield events[start : index + 1]
            start, size = index + 1, 0
    if start < len(events):
        yield events[start:]


def _sealed_block(
    stream: Place, batch: int, key_number: int, key: bytes, events: Sequence[Event]
) -> bytes:
    plain = zlib.compress(orjson.dumps([list(event) for event in events]), 1)
    first = min(event.sequence for event in events)
    times = events[0].timestamp_ms, events[-1].timestamp_ms
    length = len(plain) + 12 + 16
    header = _HEADER.pack(_MAGIC, length, key_number, batch, len(events), *times, first)
    return header + seal_bytes(key, plain, _bound(stream, header))


def _headers(descriptor: int, path: Path, start: int, size: int) -> Iterator[Block]:
    at = start
    while at + _HEADER.size <= size:
        header = os.pread(descriptor, _HEADER.size, at)
        magic, length, key_number, batch, count, first_ms, last_ms, first = _HEADER.unpack(header)
        whole = _HEADER.size + length
        if magic != _MAGIC or at + whole > size:
            return  # torn: what was not written to its end comes again from the journal
        yield Block(path, at, whole, key_number, batch, count, first_ms, last_ms, first)
        at += whole


def _opened(stream: Place, block: Block, key: bytes) -> Iterator[Event]:
    with block.path.open("rb") as file:
        file.seek(block.offset)
        content = file.read(block.length)
    header, sealed = content[: _HEADER.size], content[_HEADER.size :]
    plain = zlib.decompress(open_bytes(key, sealed, _bound(stream, header)))
    return (Event(*event) for event in orjson.loads(plain))


def _bound(stream: Place, header: bytes) -> bytes:
    # A block put into another stream's file, or under another header, does not open.
    return f"logs/{stream.group_id}/{stream.stream_id}/".encode() + header
