"""Map runs as rows, and the inputs of their executions as they were read: a run that goes on works on the same."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.executions import map_run_inputs, map_runs
from outcrop.storage.executions.encoding import decoded, encoded
from outcrop.storage.executions.rows import SERVICE
from outcrop.storage.prepared import Prepared
from outcrop.storage.service_keys import ServiceKeys

_CHUNK_INPUTS = 500


@dataclass(frozen=True, slots=True)
class MapRunRow:
    """One map run, columns as in tables/executions.py.

    Attributes:
        child_total: executions it consists of; -1 until its items are read.
    """

    arn: str
    execution_arn: str
    machine_arn: str
    status: str
    started_us: int
    stopped_us: int | None
    max_concurrency: int
    tolerated_failure_percentage: float
    tolerated_failure_count: int
    item_total: int
    child_total: int
    results_written: int
    redrive_count: int
    redriven_us: int | None


_COLUMNS = [map_runs.c[item.name] for item in fields(MapRunRow)]
_BY_ARN = Prepared(select(*_COLUMNS).where(map_runs.c.arn == bindparam("arn")))
_OF_EXECUTION = Prepared(
    select(*_COLUMNS)
    .where(map_runs.c.execution_arn == bindparam("execution_arn"))
    .order_by(map_runs.c.started_us.desc(), map_runs.c.arn)
)
_INPUTS = Prepared(
    select(map_run_inputs.c.first_index, map_run_inputs.c.content)
    .where(map_run_inputs.c.map_run_arn == bindparam("map_run_arn"))
    .order_by(map_run_inputs.c.first_index)
)


class MapRunRows:
    """The tables of map runs and their inputs."""

    def __init__(self, database: Database, keys: ServiceKeys) -> None:
        self._database = database
        self._keys = keys

    def insert(self, connection: Connection, rows: Sequence[MapRunRow]) -> None:
        """Add runs that begin; what their executions are given is not known yet."""
        connection.execute(map_runs.insert(), [asdict(row) for row in rows])

    def add_inputs(
        self, connection: Connection, read: Sequence[tuple[str, Sequence[tuple[Any, int]]]]
    ) -> None:
        """Keep what runs give to their executions: (ARN, for each execution its input and the items in it)."""
        for arn, inputs in read:
            for first in range(0, len(inputs), _CHUNK_INPUTS):
                content = encoded(inputs[first : first + _CHUNK_INPUTS])
                connection.execute(
                    map_run_inputs.insert(),
                    {
                        "map_run_arn": arn,
                        "first_index": first,
                        "content": self._keys.seal(SERVICE, content, _context(arn, first)),
                    },
                )
            totals = {"item_total": sum(count for _, count in inputs), "child_total": len(inputs)}
            connection.execute(update(map_runs).where(map_runs.c.arn == arn).values(**totals))

    def change_all(
        self, connection: Connection, changes: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> None:
        """Set columns of runs: (ARN, values)."""
        for arn, values in changes:
            self.change(connection, arn, values)

    def change(self, connection: Connection, arn: str, values: Mapping[str, Any]) -> None:
        """Set columns of a run."""
        connection.execute(update(map_runs).where(map_runs.c.arn == arn).values(**values))

    def find(self, arn: str) -> MapRunRow | None:
        """Return the run of this ARN."""
        found = _BY_ARN.first(self._database.reader, arn=arn)
        return None if found is None else MapRunRow(*found)

    def of_execution(self, execution_arn: str) -> list[MapRunRow]:
        """Return the runs of an execution, newest first."""
        rows = _OF_EXECUTION.all(self._database.reader, execution_arn=execution_arn)
        return [MapRunRow(*row) for row in rows]

    def inputs(self, arn: str) -> list[tuple[Any, int]]:
        """Return what `insert` was given."""
        found: list[tuple[Any, int]] = []
        for first, content in _INPUTS.all(self._database.reader, map_run_arn=arn):
            opened = self._keys.open(SERVICE, bytes(content), _context(arn, first))
            found.extend((value, count) for value, count in decoded(opened))
        return found


def _context(arn: str, first: int) -> bytes:
    return f"inputs {arn} {first}".encode()
