"""Values of conditions: numbers, dates, addresses and blobs, from the texts that policies and requests hold.

Each function returns None for a text that is not of its kind: such a value compares to nothing.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import socket
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_EPOCH = re.compile(r"[0-9]{1,19}", re.ASCII)
_LARGEST_EPOCH = 2**63 - 1
_DATE = re.compile(
    r"(?P<year>-?[0-9]{1,9})(?:-(?P<month>[0-9]{1,2})(?:-(?P<day>[0-9]{1,2}))?)?"
    r"(?:[tT](?:(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{1,2})"
    r"(?::(?P<second>[0-9]{1,2})(?:\.(?P<fraction>[0-9]{1,9}))?)?)?)?"
    r"(?:[zZ]|(?P<sign>[+-])(?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?)?)?",
    re.ASCII,
)
_RANGES = {"month": 12, "day": 31, "hour": 23, "minute": 59, "second": 59}


def number(text: str) -> Decimal | None:
    """Return the number that a text spells, exactly."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def moment(text: str) -> Decimal | None:
    """Return the seconds since 1970 that a text spells: as such a number, or as a date of ISO 8601.

    Digits alone are seconds, as in AWS: "2020" is 33 minutes after the epoch, "2020-01" a month. A date without a zone
    is UTC. Every year is accepted, so that what AWS stores can be stored here.
    """
    if _EPOCH.fullmatch(text):
        seconds = int(text)
        return Decimal(seconds) if seconds <= _LARGEST_EPOCH else None
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    parts = {name: int(value) for name, value in match.groupdict("0").items() if name != "sign"}
    parts["month"] = parts["month"] if match["month"] else 1
    parts["day"] = parts["day"] if match["day"] else 1
    if any(parts[name] > largest for name, largest in _RANGES.items()):
        return None
    if (
        not parts["month"]
        or not parts["day"]
        or parts["zone_hour"] > 23
        or parts["zone_minute"] > 59
    ):
        return None
    seconds = _days_since_1970(parts["year"], parts["month"], parts["day"]) * 86_400
    seconds += parts["hour"] * 3_600 + parts["minute"] * 60 + parts["second"]
    zone = parts["zone_hour"] * 3_600 + parts["zone_minute"] * 60
    seconds += zone if match["sign"] == "-" else -zone
    return Decimal(seconds) + Decimal(f"0.{match['fraction'] or 0}")


def _days_since_1970(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 in the proleptic Gregorian calendar, for any year.

    Years are counted from March, so that the leap day is their last.
    """
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (
        era * 146_097
        + year_of_era * 365
        + year_of_era // 4
        - year_of_era // 100
        + day_of_year
        - 719_468
    )


def blob(text: str) -> bytes | None:
    """Return the bytes that a text in base64 spells."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def address(text: str) -> tuple[int, int] | None:
    """Return an IP address as (4 or 6, number)."""
    version, family = (6, socket.AF_INET6) if ":" in text else (4, socket.AF_INET)
    try:
        return version, int.from_bytes(socket.inet_pton(family, text), "big")
    except (OSError, ValueError):
        return None


def network(text: str) -> tuple[int, int, int] | None:
    """Return a CIDR range, or a single address, as (4 or 6, first number, last number)."""
    try:
        block = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return block.version, int(block.network_address), int(block.broadcast_address)
