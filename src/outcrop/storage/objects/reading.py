"""Reading an object's content, whatever files it lies in, while others replace or delete it."""

import asyncio
import os
from collections.abc import Sequence
from typing import Self

from outcrop.storage.objects.content import ContentFiles
from outcrop.storage.objects.records import Segment

PIECE_BYTES = 256 * 1024


class ContentStream:
    """An asynchronous iterator over a range of an object, in pieces of at most 256 KiB.

    Its files stay in place until it is read to the end, closed or forgotten.

    Args:
        segments: all of the object's segments, in order, held by the caller (`ContentFiles.hold`).
        offset_bytes: where to begin in the object.
        length_bytes: how much to read.
    """

    def __init__(
        self,
        files: ContentFiles,
        segments: Sequence[Segment],
        offset_bytes: int,
        length_bytes: int,
    ) -> None:
        self._files = files
        self._held = [segment.content_id for segment in segments]
        self._pending = list(reversed(segments))
        self._position = offset_bytes
        self._end = offset_bytes + length_bytes
        self._descriptor: int | None = None

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
        if self._descriptor is None:
            path = self._files.path(segment.content_id)
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        inside = self._position - segment.offset_bytes
        size_bytes = min(PIECE_BYTES, self._end - self._position, segment.size_bytes - inside)
        piece = os.pread(self._descriptor, size_bytes, inside)
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
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
