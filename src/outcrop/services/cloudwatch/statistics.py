"""Statistics of a metric over periods: what GetMetricStatistics and GetMetricData are made of."""

import re
from dataclasses import dataclass
from datetime import datetime

from outcrop.core.times import from_us
from outcrop.services.cloudwatch.errors import InvalidParameterValueException
from outcrop.storage.metrics import Figures, Metric, Metrics

_MINUTE_US = 60_000_000
_PERCENTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,10})?|100)\Z", re.IGNORECASE)
PLAIN = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in periods.

    Attributes:
        first_minute: beginning of the first period.
        end_minute: end of the last one, excluded.
        minutes: of a period.
    """

    first_minute: int
    end_minute: int
    minutes: int

    @classmethod
    def of(cls, start: datetime, end: datetime, period_seconds: int) -> "Window":
        """Return the periods of a request.

        Raises:
            InvalidParameterValueException: the end is not after the start, or the period is no number of minutes.
        """
        if end <= start:
            raise InvalidParameterValueException(
                "The parameter StartTime must be less than the parameter EndTime."
            )
        # Values are kept by the minute, so shorter periods are answered as minutes.
        if period_seconds >= 60 and period_seconds % 60:
            raise InvalidParameterValueException(
                f"The parameter Period must be a multiple of 60, or one of 1, 5, 10, 20 and 30: it is {period_seconds}."
            )
        minutes = max(1, period_seconds // 60)
        first = int(start.timestamp()) // 60
        last = -(-int(end.timestamp()) // 60)
        return cls(first - first % minutes, last, minutes)


def periods(
    metrics: Metrics, metric: Metric, window: Window, unit: str | None
) -> dict[tuple[datetime, str], Figures]:
    """Return (beginning, unit) → figures of the periods that have any, in order of time."""
    found: dict[tuple[datetime, str], Figures] = {}
    for point in metrics.points(metric, window.first_minute, window.end_minute):
        if unit is not None and point.unit != unit:
            continue
        begins = window.first_minute + (point.minute - window.first_minute) // window.minutes * (
            window.minutes
        )
        key = (from_us(begins * _MINUTE_US), point.unit)
        if key in found:
            found[key].merge(point.figures)
        else:
            found[key] = point.figures
    return found


def statistic(figures: Figures, name: str) -> float | None:
    """Return a statistic by its name; None where it cannot be told.

    Raises:
        InvalidParameterValueException: it is no statistic that is offered.
    """
    if name in PLAIN:
        return {
            "SampleCount": figures.samples,
            "Average": figures.total / figures.samples if figures.samples else 0.0,
            "Sum": figures.total,
            "Minimum": figures.lowest,
            "Maximum": figures.highest,
        }[name]
    return figures.percentile(percent_of(name))


def percent_of(name: str) -> float:
    """Return the percentage of a percentile such as "p99.9".

    Raises:
        InvalidParameterValueException: it is none.
    """
    match = _PERCENTILE.match(name)
    if match is None:
        raise InvalidParameterValueException(
            f"The value {name} for parameter ExtendedStatistics is invalid: percentiles such as p99 are offered."
        )
    return float(match[1])
