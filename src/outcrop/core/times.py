"""Times of rows (microseconds since 1970, UTC) and of the wire (datetimes)."""

from datetime import UTC, datetime, timedelta

from outcrop.core.clock import Clock

DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now_us(clock: Clock) -> int:
    """Return the present moment as a row keeps it."""
    return (clock.now() - _EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    """Return a row's time as the wire takes it."""
    return _EPOCH + timedelta(microseconds=microseconds)


def optional(microseconds: int | None) -> datetime | None:
    """Return a row's time, or None where it has none; the wire leaves members out that are None."""
    return None if microseconds is None else from_us(microseconds)
