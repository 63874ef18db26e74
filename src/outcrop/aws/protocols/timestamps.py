"""Timestamps in the three forms of AWS's protocols: iso8601, rfc822 and unixTimestamp.

Parsing is lenient as AWS is: any form is read wherever a timestamp is expected. Values are aware datetimes in
UTC; a naive datetime is taken as UTC.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from outcrop.aws.protocols.contract import malformed

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_timestamp(value: object) -> datetime:
    """Return the UTC time of seconds since 1970, ISO 8601 or RFC 822 text.

    Raises:
        SerializationException: the value is none of these, or out of range.
    """
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            return _parse_text(value.strip())
    except (ValueError, OverflowError, OSError):
        pass
    raise malformed("a timestamp", value)


def _parse_text(text: str) -> datetime:
    if text[:4].isdigit() and "-" in text:
        parsed = datetime.fromisoformat(text)
    elif text[:1].isalpha():
        parsed = parsedate_to_datetime(text)
    else:
        return datetime.fromtimestamp(float(text), UTC)
    if parsed.tzinfo is None:
        return parsed.replace(tzinfo=UTC)
    return parsed if parsed.tzinfo is UTC else parsed.astimezone(UTC)


def _in_utc(value: datetime) -> datetime:
    return value if value.tzinfo is UTC or value.tzinfo is None else value.astimezone(UTC)


@lru_cache(maxsize=8192)  # what is listed is listed again
def format_iso8601(value: datetime) -> str:
    """Return 2026-11-20T16:50:39Z, with a fraction where the time has one."""
    return _in_utc(value).isoformat().removesuffix("+00:00") + "Z"


def format_rfc822(value: datetime) -> str:
    """Return Fri, 20 Nov 2026 16:50:39 GMT; fractions are dropped."""
    utc = _in_utc(value)
    return (
        f"{_DAYS[utc.weekday()]}, {utc.day:02d} {_MONTHS[utc.month - 1]} {utc.year:04d} "
        f"{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d} GMT"
    )


def to_epoch(value: datetime) -> int | float:
    """Return seconds since 1970: whole where the time is, else with microseconds."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    seconds = aware.timestamp()
    return seconds if aware.microsecond else int(seconds)


def format_epoch(value: datetime) -> str:
    """Return seconds since 1970 as text."""
    return str(to_epoch(value))


_TEXT_FORMATS: dict[str, Callable[[datetime], str]] = {
    "iso8601": format_iso8601,
    "rfc822": format_rfc822,
    "unixtimestamp": format_epoch,
}


def text_formatter(timestamp_format: str) -> Callable[[datetime], str]:
    """Return the function that writes a timestamp in the named format of the model as text."""
    return _TEXT_FORMATS[timestamp_format.lower()]


def value_formatter(timestamp_format: str) -> Callable[[datetime], str | int | float]:
    """Return the function that writes a timestamp as a JSON value: a number for unixTimestamp."""
    if timestamp_format.lower() == "unixtimestamp":
        return to_epoch
    return text_formatter(timestamp_format)
