"""Metrics: counted in memory, kept a row per metric and minute."""

from collections.abc import Mapping

from outcrop.core.clock import Clock
from outcrop.storage.database.engine import Database


class Metrics:
    """Metrics of every region and namespace.

    Args:
        database: holds a row per metric and minute.
        clock: tells which minute it is.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def count(  # noqa: PLR0913  # a metric has this many parts
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float = 1.0,
        unit: str = "Count",
        *,
        region: str,
    ) -> None:
        """Add one value at the present, in microseconds, from any thread; written every few seconds.

        Args:
            namespace: such as "AWS/Lambda".
            name: such as "Invocations".
            dimensions: such as {"FunctionName": "scorer"}.
            value: a latency, a number of tokens, 1 for a thing that happened.
            unit: one of CloudWatch's, such as "Milliseconds".
            region: whose metric it is.
        """
        raise NotImplementedError
