"""Times of rows (microseconds since 1970, UTC) and of the wire (datetimes)."""

from datetime import UTC, datetime, timedelta

from outcrop.services.platform import Context

DAY_US = 86_400 * 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now_us(context: Context) -> int:
    """Return the present moment."""
    return to_us(context.platform.clock.now())


def to_us(moment: datetime) -> int:
    """Return an aware time as rows keep it."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    """Return a row's time as the wire takes it."""
    return _EPOCH + timedelta(microseconds=microseconds)
