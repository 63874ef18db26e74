"""Reading an object's content, whatever files it lies in, while others replace or delete it."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Self

from outcrop.storage.objects.content import ContentFiles, OpenContent
from outcrop.storage.objects.records import Segment


class ContentStream:
    """An asynchronous iterator over a range of an object, in pieces of at most 1 MiB.

    Its files stay in place until it is read to the end, closed or forgotten.

    Args:
        segments: all of the object's segments, in order, held by the caller (`ContentFiles.hold`).
        offset_bytes: where to begin in the object.
        length_bytes: how much to read.
        data_key: of the object; b"" where it lies in clear.
    """

    def __init__(
        self,
        files: ContentFiles,
        segments: Sequence[Segment],
        offset_bytes: int,
        length_bytes: int,
        data_key: bytes,
    ) -> None:
        self._files = files
        self._held = [segment.content_id for segment in segments]
        self._pending = list(reversed(segments))
        self._position = offset_bytes
        self._end = offset_bytes + length_bytes
        self._data_key = data_key
        self._file: OpenContent | None = None
        self._pieces: Iterator[bytes] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._position >= self._end:
            self._close()
            raise StopAsyncIteration
        return await asyncio.get_running_loop().run_in_executor(self._files.threads, self.read)

    def read(self) -> bytes:
        """Return the next piece, or b"" at the end; for callers outside the event loop."""
        if self._position >= self._end:
            return b""
        while self._pending[-1].offset_bytes + self._pending[-1].size_bytes <= self._position:
            self._pending.pop()
            self._close_file()
        segment = self._pending[-1]
        if self._file is None:
            self._file = self._files.open(segment.content_id, segment.size_bytes, self._data_key)
            inside = self._position - segment.offset_bytes
            self._pieces = self._file.pieces(inside, self._end - self._position)
        piece = next(self._pieces, b"")
        if not piece:
            raise OSError(f"content {segment.content_id} is shorter than its row says")
        self._position += len(piece)
        return piece

    async def aclose(self) -> None:
        """Stop reading; the files may go."""
        self._close()

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        self._close_file()
        if self._held:
            self._files.release(self._held)
            self._held = []
        self._position = self._end

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
