"""What a function's process writes: plain lines and the runtime client's framed records, taken from one pipe in order.

A frame keeps a record of many lines in one piece: four bytes of type, four of length, eight of time in microseconds.
"""

import asyncio
import os
import re
import time
from collections.abc import Callable

_FRAME_START = re.compile(rb"\xa5\x5a\x00[\x00-\x1f]")
_FRAME_HEAD_BYTES = 16
_MOST_EVENT_BYTES = 262_118  # CloudWatch Logs quotas: 256 KiB with 26 bytes of overhead
_READ_BYTES = 1 << 16
# A function that only prints must not keep the server from its other work.
_BYTES_PER_WINDOW = 1 << 20
_WINDOW_SECONDS = 0.1

Sink = Callable[[int, str], None]


class OutputParser:
    """Cuts a stream of bytes into log events.

    Args:
        sink: gets (milliseconds since 1970, text with its line end) in order.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what came, and hand on the events that are complete."""
        self._rest += data
        while self._rest:
            start = _FRAME_START.search(self._rest)
            if start is None:
                # A frame's first bytes may still be on their way.
                keep = 1 if self._rest[-1] == 0xA5 else 2 if self._rest[-2:] == b"\xa5\x5a" else 0
                self._take_lines(len(self._rest) - keep)
                return
            if start.start():
                self._take_lines(start.start(), is_ended=True)
                continue
            if len(self._rest) < _FRAME_HEAD_BYTES:
                return
            size = min(int.from_bytes(self._rest[4:8], "big"), _MOST_EVENT_BYTES)
            if len(self._rest) < _FRAME_HEAD_BYTES + size:
                return
            micros = int.from_bytes(self._rest[8:16], "big")
            text = bytes(self._rest[_FRAME_HEAD_BYTES : _FRAME_HEAD_BYTES + size])
            del self._rest[: _FRAME_HEAD_BYTES + size]
            self._emit(text, _plausible(micros // 1000))

    def end(self) -> None:
        """Hand on what is left without a line end."""
        if self._rest:
            self._take_lines(len(self._rest), is_ended=True)

    def _take_lines(self, size: int, *, is_ended: bool = False) -> None:
        now = int(time.time() * 1000)
        begin = 0
        while begin < size:
            at = self._rest.find(b"\n", begin, min(size, begin + _MOST_EVENT_BYTES))
            if at >= 0:
                end = at + 1
            elif size - begin >= _MOST_EVENT_BYTES:
                end = begin + _MOST_EVENT_BYTES
            elif is_ended:
                end = size
            else:
                break
            self._emit(bytes(self._rest[begin:end]), now)
            begin = end
        del self._rest[:begin]

    def _emit(self, text: bytes, time_ms: int) -> None:
        decoded = text.decode(errors="replace")
        self._sink(time_ms, decoded if decoded.endswith("\n") else decoded + "\n")


def _plausible(time_ms: int) -> int:
    """A time that a function made up must not move its log into another age."""
    now = int(time.time() * 1000)
    return time_ms if abs(now - time_ms) < 60_000 else now


class OutputReader:
    """Reads a process's pipe on the event loop.

    Args:
        descriptor: the pipe's reading end; owned from now on.
        parser: gets what is read.
    """

    def __init__(self, descriptor: int, parser: OutputParser) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._parser = parser
        self._loop = asyncio.get_running_loop()
        self._window_start = self._loop.time()
        self._window_bytes = 0
        self._pause: asyncio.TimerHandle | None = None
        self._loop.add_reader(descriptor, self._read)

    def drain(self) -> None:
        """Take what has been written by now, up to the pipe's size."""
        for _ in range(64):
            if self._descriptor < 0 or not self._read_piece():
                return

    def close(self) -> None:
        """Take what is left and let the pipe go."""
        if self._descriptor < 0:
            return
        self.drain()
        if self._descriptor >= 0:
            self._let_go()
        self._parser.end()

    def _read(self) -> None:
        self._read_piece()
        now = self._loop.time()
        if now - self._window_start > _WINDOW_SECONDS:
            self._window_start, self._window_bytes = now, 0
        elif self._window_bytes > _BYTES_PER_WINDOW and self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._pause = self._loop.call_later(_WINDOW_SECONDS, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._window_start, self._window_bytes = self._loop.time(), 0
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._read)

    def _read_piece(self) -> bool:
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._let_go()
            return False
        self._window_bytes += len(data)
        self._parser.feed(data)
        return True

    def _let_go(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
