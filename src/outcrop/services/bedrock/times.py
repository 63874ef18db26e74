"""Times of rows (microseconds since 1970, UTC) and of the wire (datetimes)."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from outcrop.core.clock import Clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A page of a list holds some hundred times, and clients poll: the same ones are asked for again and again.
_REMEMBERED = 8192


def now_us(clock: Clock) -> int:
    """Return the present moment."""
    return to_us(clock.now())


def to_us(moment: datetime) -> int:
    """Return a time of the wire as a row keeps it; a time without a zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND


@lru_cache(_REMEMBERED)
def from_us(microseconds: int) -> datetime:
    """Return a row's time as the wire takes it."""
    return _EPOCH + timedelta(microseconds=microseconds)


def optional(microseconds: int | None) -> datetime | None:
    """Return a row's time, or None where it has none; the wire leaves members out that are None."""
    return None if microseconds is None else from_us(microseconds)
