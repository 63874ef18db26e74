"""Schedule expressions of rules: rate(value unit) and cron(minutes hours day-of-month month day-of-week year), in UTC.

Source: EventBridge User Guide, "Setting a schedule pattern for scheduled rules (legacy)".
"""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_RATE = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
_CRON = re.compile(r"cron\(([^)]*)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1
    )
}
_WEEKDAYS = {
    name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)
}
_FIRST_YEAR, _LAST_YEAR = 1970, 2199


class InvalidSchedule(ValueError):
    """A text is no schedule expression."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a rule fires.

    Attributes:
        period: between two times of a rate; None for cron expressions.
        cron: gives the first moment of a cron expression after another, or None; None for rates.
    """

    period: timedelta | None
    cron: Callable[[datetime], datetime | None] | None = None

    def following(self, moment: datetime) -> datetime | None:
        """Return the first time after a moment, or None where there is no further one.

        For a rate the moment is one at which it fired, or at which the rule was made.
        """
        if self.period is not None:
            return moment + self.period
        assert self.cron is not None
        return self.cron(moment)


@lru_cache(maxsize=512)
def parse_schedule(text: str) -> Schedule:
    """Return the schedule that an expression is.

    Raises:
        InvalidSchedule: it is none.
    """
    if match := _RATE.fullmatch(text):
        value, unit = int(match[1]), match[2]
        # AWS: a singular unit for 1 and a plural one for all else.
        if value < 1 or unit.endswith("s") == (value == 1):
            raise InvalidSchedule(text)
        return Schedule(timedelta(seconds=value * _SECONDS[unit.removesuffix("s")]))
    match = _CRON.fullmatch(text)
    if match is None:
        raise InvalidSchedule(text)
    return Schedule(None, _parse_cron(match[1]).following)


@dataclass(frozen=True, slots=True)
class _Cron:
    minutes: frozenset[int]
    hours: frozenset[int]
    days: Callable[[int, int], frozenset[int]]
    months: frozenset[int]
    years: frozenset[int]

    def following(self, moment: datetime) -> datetime | None:
        moment = moment.astimezone(UTC)
        start = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for year in sorted(year for year in self.years if year >= start.year):
            for month in sorted(self.months):
                if (year, month) < (start.year, start.month):
                    continue
                found = self._in_month(year, month, start)
                if found is not None:
                    return found
        return None

    def _in_month(self, year: int, month: int, start: datetime) -> datetime | None:
        for day in sorted(self.days(year, month)):
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    found = datetime(year, month, day, hour, minute, tzinfo=UTC)
                    if found >= start:
                        return found
        return None


def _parse_cron(text: str) -> _Cron:
    fields = text.split()
    if len(fields) != 6:
        raise InvalidSchedule(text)
    minutes, hours, month_days, months, week_days, years = fields
    if (month_days == "?") == (week_days == "?"):
        raise InvalidSchedule(text)  # exactly one of the two is left open
    try:
        return _Cron(
            _values(minutes, 0, 59),
            _values(hours, 0, 23),
            _week_days(week_days) if month_days == "?" else _month_days(month_days),
            _values(months, 1, 12, _MONTHS),
            _values(years, _FIRST_YEAR, _LAST_YEAR),
        )
    except (ValueError, KeyError) as error:
        raise InvalidSchedule(text) from error


def _values(
    field: str, least: int, most: int, names: dict[str, int] | None = None
) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = least, most
        else:
            start = _number(first, names)
            end = _number(last, names) if dash else (most if slash else start)
        if slash and int(step) < 1:
            raise ValueError(field)
        if not least <= start <= most or not least <= end <= most:
            raise ValueError(field)
        width = int(step) if slash else 1
        if start <= end:
            found.update(range(start, end + 1, width))
        else:  # such as FRI-MON
            found.update(range(start, most + 1, width), range(least, end + 1, width))
    return frozenset(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    if names and text.upper() in names:
        return names[text.upper()]
    return int(text)


def _month_days(field: str) -> Callable[[int, int], frozenset[int]]:
    if field == "L":
        return lambda year, month: frozenset({calendar.monthrange(year, month)[1]})
    if field.endswith("W"):
        wanted = int(field.removesuffix("W"))
        if not 1 <= wanted <= 31:
            raise ValueError(field)
        return lambda year, month: frozenset({_nearest_weekday(year, month, wanted)})
    values = _values(field, 1, 31)
    return lambda year, month: frozenset(
        day for day in values if day <= calendar.monthrange(year, month)[1]
    )


def _nearest_weekday(year: int, month: int, wanted: int) -> int:
    last = calendar.monthrange(year, month)[1]
    day = min(wanted, last)
    weekday = calendar.weekday(year, month, day)
    if weekday == calendar.SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == calendar.SUNDAY:
        return day + 1 if day < last else day - 2
    return day


def _week_days(field: str) -> Callable[[int, int], frozenset[int]]:
    if "#" in field:
        name, _, nth = field.partition("#")
        weekday, count = _number(name, _WEEKDAYS), int(nth)
        if not 1 <= weekday <= 7 or not 1 <= count <= 5:
            raise ValueError(field)
        return lambda year, month: frozenset(_days_of(year, month, {weekday})[count - 1 : count])
    if field.upper().endswith("L"):
        weekday = _number(field[:-1], _WEEKDAYS) if len(field) > 1 else _WEEKDAYS["SAT"]
        if not 1 <= weekday <= 7:
            raise ValueError(field)
        return lambda year, month: frozenset(_days_of(year, month, {weekday})[-1:])
    values = _values(field, 1, 7, _WEEKDAYS)
    return lambda year, month: frozenset(_days_of(year, month, values))


def _days_of(year: int, month: int, weekdays: frozenset[int] | set[int]) -> list[int]:
    """Return the days of a month that are one of these weekdays, 1 being Sunday."""
    last = calendar.monthrange(year, month)[1]
    return [
        day
        for day in range(1, last + 1)
        if (calendar.weekday(year, month, day) + 1) % 7 + 1 in weekdays
    ]
