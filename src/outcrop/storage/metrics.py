"""Metrics: counted in memory, kept a row per metric and minute.

Whoever counts adds to a figure in memory and goes on; a thread writes the figures every few seconds. A server that is
killed loses the seconds that were not written. What PutMetricData acknowledges is written first.
"""

import json
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from outcrop.core.clock import Clock
from outcrop.core.errors import OutcropError
from outcrop.core.times import now_us
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.metrics import metric_minutes as minutes_table
from outcrop.storage.database.tables.metrics import metrics as metrics_table
from outcrop.storage.prepared import Prepared

MINUTE_MS = 60_000
_PAUSE_SECONDS = 5.0
_MOST_VALUES = 150  # different ones within a minute that percentiles are told from
_KEPT_MINUTES = 455 * 24 * 60  # as long as CloudWatch keeps hours
_SWEEP_EVERY = 720  # writes: an hour

log = structlog.get_logger("outcrop.storage.metrics")


class Metric(NamedTuple):
    """A metric.

    Attributes:
        dimensions: JSON object, keys in order.
    """

    region: str
    namespace: str
    name: str
    dimensions: str


class Slot(NamedTuple):
    """A minute of a metric in one unit."""

    metric: Metric
    minute: int
    unit: str


@dataclass(slots=True)
class Figures:
    """What is known of the values of some time.

    Attributes:
        spread: value to three digits → samples; None where the values themselves are not known.
        is_coarse: the values have two digits, since there were too many different ones.
    """

    samples: float = 0.0
    total: float = 0.0
    lowest: float = float("inf")
    highest: float = float("-inf")
    spread: dict[float, float] | None = field(default_factory=dict)
    is_coarse: bool = False

    def add(self, value: float, samples: float = 1.0) -> None:
        """Add one value, so many times."""
        self.samples += samples
        self.total += value * samples
        self.lowest = min(self.lowest, value)
        self.highest = max(self.highest, value)
        if self.spread is not None:
            rounded = float(f"{value:.2g}" if self.is_coarse else f"{value:.3g}")
            self.spread[rounded] = self.spread.get(rounded, 0.0) + samples
            if not self.is_coarse and len(self.spread) > _MOST_VALUES:
                self.spread, self.is_coarse = _coarser(self.spread), True

    def merge(self, other: "Figures") -> None:
        """Add the values of another time."""
        self.samples += other.samples
        self.total += other.total
        self.lowest = min(self.lowest, other.lowest)
        self.highest = max(self.highest, other.highest)
        if self.spread is None or other.spread is None:
            self.spread = None
            return
        for value, samples in other.spread.items():
            self.spread[value] = self.spread.get(value, 0.0) + samples

    def percentile(self, percent: float) -> float | None:
        """Return the value that so many percent of the samples do not exceed; None where it is not known."""
        if not self.samples:
            return None
        if self.spread is None:
            return self.lowest if self.lowest == self.highest else None
        left = self.samples * percent / 100
        for value in sorted(self.spread):
            left -= self.spread[value]
            if left <= 1e-9:
                return min(max(value, self.lowest), self.highest)
        return self.highest


def _coarser(spread: Mapping[float, float]) -> dict[float, float]:
    """Return a spread with two digits per value: at most 90 of them in each power of ten."""
    found: dict[float, float] = {}
    for value, samples in spread.items():
        rounded = float(f"{value:.2g}")
        found[rounded] = found.get(rounded, 0.0) + samples
    return found


class Point(NamedTuple):
    """The figures of a minute in one unit."""

    minute: int
    unit: str
    figures: Figures


_METRIC_COLUMNS = [metrics_table.c[name] for name in Metric._fields]
_FIND = Prepared(
    select(metrics_table.c.id, metrics_table.c.last_minute).where(
        *(metrics_table.c[name] == bindparam(name) for name in Metric._fields)
    )
)
_LIST = Prepared(
    select(*_METRIC_COLUMNS, metrics_table.c.last_minute)
    .where(metrics_table.c.region == bindparam("region"))
    .order_by(metrics_table.c.namespace, metrics_table.c.name, metrics_table.c.dimensions)
)
_FIGURES = ("samples", "total", "lowest", "highest", "spread")
_MINUTES = Prepared(
    select(
        minutes_table.c.minute, minutes_table.c.unit, *(minutes_table.c[name] for name in _FIGURES)
    )
    .where(
        minutes_table.c.metric_id == bindparam("id"),
        minutes_table.c.minute >= bindparam("first"),
        minutes_table.c.minute < bindparam("end"),
    )
    .order_by(minutes_table.c.minute)
)
_MINUTE = Prepared(
    select(*(minutes_table.c[name] for name in _FIGURES)).where(
        minutes_table.c.metric_id == bindparam("id"),
        minutes_table.c.minute == bindparam("minute"),
        minutes_table.c.unit == bindparam("unit"),
    )
)


class Metrics:
    """Metrics of every region and namespace.

    Args:
        database: holds a row per metric and minute.
        clock: tells which minute it is.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._counted: dict[Slot, Figures] = {}
        self._texts: dict[tuple[tuple[str, str], ...], str] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def count(  # noqa: PLR0913  # a metric has this many parts
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float = 1.0,
        unit: str = "Count",
        *,
        region: str,
        timestamp_ms: int | None = None,
    ) -> None:
        """Add one value, in microseconds, from any thread; written every few seconds.

        Args:
            namespace: such as "AWS/Lambda".
            name: such as "Invocations".
            dimensions: such as {"FunctionName": "scorer"}.
            value: a latency, a number of tokens, 1 for a thing that happened.
            unit: one of CloudWatch's, such as "Milliseconds".
            region: whose metric it is.
            timestamp_ms: when it happened; None for the present.
        """
        now_ms = now_us(self._clock) // 1000 if timestamp_ms is None else timestamp_ms
        metric = Metric(region, namespace, name, self._text(dimensions))
        slot = Slot(metric, now_ms // MINUTE_MS, unit)
        with self._lock:
            figures = self._counted.get(slot)
            if figures is None:
                figures = self._counted[slot] = Figures()
            figures.add(value)
        if not self._wake.is_set():
            self._rouse()

    def add(self, figures: Iterable[tuple[Slot, Figures]]) -> None:
        """Write figures for good; blocks."""
        with self._writing, self._database.write(durable=True) as connection:
            self._write(connection, figures)

    def settle(self) -> None:
        """Write what was counted so far; blocks."""
        with self._writing:
            with self._lock:
                counted, self._counted = self._counted, {}
            if not counted:
                return
            try:
                with self._database.write() as connection:
                    self._write(connection, counted.items())
            except BaseException:
                with self._lock:
                    for slot, figures in counted.items():
                        if slot in self._counted:
                            figures.merge(self._counted[slot])
                        self._counted[slot] = figures
                raise

    @property
    def is_settled(self) -> bool:
        """Whether everything that was counted is written."""
        return not self._counted and not self._writing.locked()

    def metrics(self, region: str) -> list[tuple[Metric, int]]:
        """Return a region's metrics, in order, and the last minute of each."""
        with self._database.read() as connection:
            return [(Metric(*row[:-1]), row[-1]) for row in _LIST.all(connection, region=region)]

    def points(self, metric: Metric, first_minute: int, end_minute: int) -> list[Point]:
        """Return a metric's minutes of a span, its end excluded, in order."""
        with self._database.read() as connection:
            found = _FIND.first(connection, **metric._asdict())
            if found is None:
                return []
            return [
                Point(minute, unit, _figures(row))
                for minute, unit, *row in _MINUTES.all(
                    connection, id=found[0], first=first_minute, end=end_minute
                )
            ]

    def close(self) -> None:
        """Write what was counted, and stop."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self.settle()
        except (OutcropError, SQLAlchemyError):
            log.exception("metrics_not_written")

    def _text(self, dimensions: Mapping[str, str]) -> str:
        key = tuple(dimensions.items())
        text = self._texts.get(key)
        if text is None:
            if len(self._texts) > 4096:
                self._texts.clear()
            text = self._texts[key] = dimensions_text(dimensions)
        return text

    def _rouse(self) -> None:
        with self._lock:
            self._wake.set()
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._work, name="metrics", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        rounds = 0
        while not self._stopping.is_set():
            self._wake.wait()
            if self._stopping.wait(_PAUSE_SECONDS):
                return
            self._wake.clear()
            try:
                self.settle()
                if rounds % _SWEEP_EVERY == 0:
                    self.sweep()
                rounds += 1
            except (OutcropError, SQLAlchemyError):
                log.exception("metrics_not_written", hint="it is tried again in a moment")
                self._wake.set()

    def sweep(self) -> None:
        """Remove minutes past keeping, and metrics that have none left."""
        oldest = now_us(self._clock) // 1000 // MINUTE_MS - _KEPT_MINUTES
        with self._database.write() as connection:
            connection.execute(delete(minutes_table).where(minutes_table.c.minute < oldest))
            connection.execute(delete(metrics_table).where(metrics_table.c.last_minute < oldest))

    def _write(self, connection: Connection, figures: Iterable[tuple[Slot, Figures]]) -> None:
        for slot, added in figures:
            metric_id = _metric_id(connection, slot)
            row = _MINUTE.first(connection, id=metric_id, minute=slot.minute, unit=slot.unit)
            if row is None:
                connection.execute(
                    minutes_table.insert(),
                    {
                        "metric_id": metric_id,
                        "minute": slot.minute,
                        "unit": slot.unit,
                        **_columns(added),
                    },
                )
                continue
            whole = _figures(row)
            whole.merge(added)
            connection.execute(
                update(minutes_table)
                .where(
                    minutes_table.c.metric_id == metric_id,
                    minutes_table.c.minute == slot.minute,
                    minutes_table.c.unit == slot.unit,
                )
                .values(_columns(whole))
            )


def dimensions_text(dimensions: Mapping[str, str]) -> str:
    """Return dimensions as rows keep them."""
    return json.dumps(dict(sorted(dimensions.items())), separators=(",", ":"))


def _metric_id(connection: Connection, slot: Slot) -> str:
    found = _FIND.first(connection, **slot.metric._asdict())
    if found is None:
        metric_id = uuid.uuid4().hex
        connection.execute(
            metrics_table.insert(),
            {"id": metric_id, "last_minute": slot.minute, **slot.metric._asdict()},
        )
        return metric_id
    metric_id, last_minute = found
    if slot.minute > last_minute:
        connection.execute(
            update(metrics_table)
            .where(metrics_table.c.id == metric_id)
            .values(last_minute=slot.minute)
        )
    return str(metric_id)


def _columns(figures: Figures) -> dict[str, Any]:
    spread = figures.spread
    if spread is not None and len(spread) > _MOST_VALUES:
        spread = _coarser(spread)
    return {
        "samples": figures.samples,
        "total": figures.total,
        "lowest": figures.lowest,
        "highest": figures.highest,
        "spread": "" if spread is None else json.dumps(spread),
    }


def _figures(row: Sequence[Any]) -> Figures:
    samples, total, lowest, highest, spread = row
    values = None
    if spread:
        values = {float(value): count for value, count in json.loads(spread).items()}
    return Figures(samples, total, lowest, highest, values)
