"""Time for executions: what it is, and waiting for it. Tests put a clock and sleeps of their own here."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from time import perf_counter
from typing import Protocol

from outcrop.core.clock import Clock
from outcrop.core.times import now_us

_SLICE_SECONDS = 0.002
_LONGEST_SLEEP_SECONDS = 3600.0


class Timers(Protocol):
    """Tells the time and waits for it."""

    def now_us(self) -> int:
        """Return the present moment in µs since 1970."""

    async def sleep_until(self, moment_us: int) -> None:
        """Return when a moment has come; at once where it has passed."""


class SystemTimers:
    """The platform's clock and the event loop's timers.

    Args:
        clock: what time it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_us(self) -> int:
        """Return the present moment in µs since 1970."""
        return now_us(self._clock)

    async def sleep_until(self, moment_us: int) -> None:
        """Return when a moment has come.

        The clock is looked at again after each sleep: it may be set, and loops do not sleep for a year.
        """
        while (left := (moment_us - self.now_us()) / 1e6) > 0:  # noqa: ASYNC110 - no event tells the time
            await asyncio.sleep(min(left, _LONGEST_SLEEP_SECONDS))


class Slices:
    """Shares the event loop: executions compute for two milliseconds at a time, requests are answered between.

    Executions that have used up the slice queue here, and are let on one by one, each in a turn of the loop of its own.
    """

    def __init__(self) -> None:
        self._until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_pumping = False

    @property
    def is_over(self) -> bool:
        """Whether the caller should `pause`."""
        return perf_counter() > self._until

    async def pause(self) -> None:
        """Return when it is the caller's turn."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if not self._is_pumping:
            self._is_pumping = True
            loop.call_soon(self._pump, loop)
        await turn

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._until = perf_counter() + _SLICE_SECONDS
                turn.set_result(None)
                loop.call_soon(self._pump, loop)
                return
        self._is_pumping = False


def iso_time(moment_us: int) -> str:
    """Return a moment as the context object shows it: milliseconds, and a Z."""
    moment = datetime.fromtimestamp(moment_us / 1e6, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_us // 1000 % 1000:03d}Z"


def parse_timestamp(text: str) -> int:
    """Return an RFC 3339 timestamp in µs since 1970.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return round(moment.timestamp() * 1e6)
