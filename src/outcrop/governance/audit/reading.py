"""Reading the trail's files from their end: most questions are about what happened last."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Content = bytes | mmap.mmap
# A search within so much holds up other threads for a few milliseconds at most.
_WINDOW_BYTES = 4 << 20


@contextmanager
def opened(path: Path) -> Iterator[Content]:
    """Give the content of a file as it is now, without reading it; nothing where there is no file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield b""
        return
    with file:
        if not file.seek(0, 2):
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


def lines_backwards(
    content: Content, start: int, end: int, needle: bytes = b"\n"
) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line without newline) of the whole lines that hold a needle, the last one first.

    Args:
        content: of a file of lines.
        start: offset of the first line to look at.
        end: offset behind the newline of the last.
        needle: without newline, unless it is one: then every line is yielded.
    """
    while (hit := _last_hit(content, start, end, needle)) >= 0:
        line_start = max(content.rfind(b"\n", start, hit) + 1, start)
        line_end = content.find(b"\n", hit, end)
        if line_end >= 0:
            yield line_start, bytes(content[line_start:line_end])
        end = line_start


def _last_hit(content: Content, start: int, end: int, needle: bytes) -> int:
    overlap = len(needle) - 1
    upper = end
    while upper > start:
        lower = max(start, upper - _WINDOW_BYTES)
        hit = content.rfind(needle, lower, min(end, upper + overlap))
        if hit >= 0:
            return hit
        upper = lower
    return -1


def line_at(content: Content, offset: int) -> bytes:
    """Return the line that begins at an offset, without newline; b"" where there is none."""
    if not 0 <= offset < len(content):
        return b""
    end = content.find(b"\n", offset)
    return bytes(content[offset : len(content) if end < 0 else end])
