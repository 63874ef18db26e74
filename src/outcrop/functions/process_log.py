"""What one process and the platform log about it, on its way to whoever asked."""

import asyncio
import time

from outcrop.functions.code import OnLog
from outcrop.functions.records import Tail

_MOST_EVENTS_KEPT = 1000


class ProcessLog:
    """The log of one process: collected, and handed on in batches.

    Args:
        stream: name of its log stream.
    """

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.tail: Tail | None = None
        self._on_log: OnLog | None = None
        self._events: list[tuple[int, str]] = []
        self._is_flush_near = False

    @property
    def events(self) -> tuple[tuple[int, str], ...]:
        """What nobody has been handed yet."""
        return tuple(self._events)

    def hand_to(self, on_log: OnLog) -> None:
        """Hand what was logged so far, and from now on, to somebody."""
        self._on_log = on_log
        self.flush()

    def take(self, time_ms: int, text: str) -> None:
        """Take an event; while nobody wants them, the newest are kept."""
        if self.tail is not None:
            self.tail.add(text)
        self._events.append((time_ms, text))
        if self._on_log is None:
            del self._events[:-_MOST_EVENTS_KEPT]
        elif not self._is_flush_near:
            self._is_flush_near = True
            asyncio.get_running_loop().call_soon(self.flush)

    def add(self, line: str) -> None:
        """Take a line of the platform's own."""
        self.take(int(time.time() * 1000), line)

    def flush(self) -> None:
        """Hand on what there is."""
        self._is_flush_near = False
        if self._events and self._on_log is not None:
            events, self._events = self._events, []
            self._on_log(self.stream, events)
