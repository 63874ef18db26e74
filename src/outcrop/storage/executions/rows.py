"""Executions and the revisions they run, as rows. Inputs and results are sealed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, select, tuple_, update

from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.executions import execution_revisions, executions
from outcrop.storage.executions.encoding import decoded, encoded
from outcrop.storage.prepared import Prepared
from outcrop.storage.service_keys import ServiceKeys

SERVICE = "states"
RUNNING = "RUNNING"


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """One execution, columns as in tables/executions.py; result is opened into output, error and cause."""

    id: int
    arn: str
    region: str
    name: str
    machine_arn: str
    revision: str
    version_arn: str
    alias_arn: str
    type: str
    status: str
    started_us: int
    stopped_us: int | None
    input: str = field(repr=False)
    output: str | None = field(repr=False)
    error: str | None
    cause: str | None = field(repr=False)
    trace_header: str
    map_run_arn: str
    item_index: int
    item_count: int
    redrive_count: int
    redriven_us: int | None


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Which executions a listing is of; "" and None do not restrict.

    Attributes:
        after: (started_us, id) of the last one of the page before.
    """

    machine_arn: str = ""
    map_run_arn: str = ""
    version_arn: str = ""
    alias_arn: str = ""
    status: str = ""
    is_redriven: bool | None = None
    after: tuple[int, int] | None = None
    limit: int = 100


_NAMES = tuple(column.name for column in executions.columns)
_PLACE = {name: place for place, name in enumerate(_NAMES)}
_BY_ARN = Prepared(select(*executions.columns).where(executions.c.arn == bindparam("arn")))
_RUNNING = Prepared(
    select(executions.c.arn)
    .where(executions.c.status == bindparam("status"))
    .order_by(executions.c.id)
)
_CHILDREN = Prepared(
    select(executions.c.arn, executions.c.item_index, executions.c.item_count, executions.c.status)
    .where(executions.c.map_run_arn == bindparam("map_run_arn"))
    .order_by(executions.c.id)
)
_COUNT_RUNNING = Prepared(
    select(func.count())
    .select_from(executions)
    .where(executions.c.machine_arn == bindparam("machine_arn"), executions.c.status == RUNNING)
)
_REVISION = Prepared(
    select(execution_revisions.c.content).where(execution_revisions.c.digest == bindparam("digest"))
)

_FINISH = (
    update(executions)
    .where(executions.c.id == bindparam("ended_id"))
    .values(
        status=bindparam("status"), stopped_us=bindparam("stopped_us"), result=bindparam("result")
    )
)


class ExecutionRows:
    """The tables of executions and revisions."""

    def __init__(self, database: Database, keys: ServiceKeys) -> None:
        self._database = database
        self._keys = keys
        self._known_revisions: set[str] = set()

    def insert(self, connection: Connection, rows: Sequence[ExecutionRow]) -> None:
        """Add executions that begin."""
        connection.execute(executions.insert(), [self._values(row) for row in rows])

    def add_revision(self, connection: Connection, digest: str, content: bytes) -> None:
        """Keep a revision, once."""
        if digest in self._known_revisions:
            return
        if _REVISION.first(connection, digest=digest) is None:
            sealed = self._keys.seal(SERVICE, content, digest.encode())
            connection.execute(execution_revisions.insert(), {"digest": digest, "content": sealed})
        # Known for good only if the transaction lasts; asking again is cheap, so trust reads alone.
        elif len(self._known_revisions) < 10_000:
            self._known_revisions.add(digest)

    def revision(self, digest: str) -> bytes:
        """Return the content of a revision."""
        found = _REVISION.first(self._database.reader, digest=digest)
        assert found is not None, f"no revision {digest}"
        return self._keys.open(SERVICE, bytes(found[0]), digest.encode())

    def add_revisions(self, connection: Connection, revisions: Sequence[tuple[str, bytes]]) -> None:
        """Keep revisions: (digest, content)."""
        for digest, content in dict(revisions).items():
            self.add_revision(connection, digest, content)

    def finish(
        self, connection: Connection, ends: Sequence[tuple[int, str, int, tuple[str | None, ...]]]
    ) -> None:
        """Record ends: (execution id, status, when in µs, (output, error, cause))."""
        connection.execute(
            _FINISH,
            [
                {
                    "ended_id": execution_id,
                    "status": status,
                    "stopped_us": stopped_us,
                    "result": self._seal_result(execution_id, result),
                }
                for execution_id, status, stopped_us, result in ends
            ],
        )

    def redrive(self, connection: Connection, redrives: Sequence[tuple[int, int, int]]) -> None:
        """Let executions run again: (execution id, how often it was redriven, when in µs)."""
        for execution_id, count, moment_us in redrives:
            connection.execute(
                update(executions)
                .where(executions.c.id == execution_id)
                .values(
                    status=RUNNING,
                    stopped_us=None,
                    result=None,
                    redrive_count=count,
                    redriven_us=moment_us,
                )
            )

    def remove(self, connection: Connection, execution_ids: Sequence[int]) -> None:
        """Forget executions (express ones, which leave nothing behind)."""
        connection.execute(delete(executions).where(executions.c.id.in_(list(execution_ids))))

    def find(self, arn: str) -> ExecutionRow | None:
        """Return the execution of this ARN."""
        found = _BY_ARN.first(self._database.reader, arn=arn)
        return None if found is None else self._opened(found)

    def running(self) -> list[str]:
        """Return the ARNs of all that have not ended, oldest first."""
        return [arn for (arn,) in _RUNNING.all(self._database.reader, status=RUNNING)]

    def running_count(self, machine_arn: str) -> int:
        """Return how many executions of a machine have not ended."""
        found = _COUNT_RUNNING.first(self._database.reader, machine_arn=machine_arn)
        return int(found[0]) if found else 0

    def children(self, map_run_arn: str) -> list[tuple[str, int, int, str]]:
        """Return (ARN, item index, item count, status) of a map run's executions, oldest first."""
        rows = _CHILDREN.all(self._database.reader, map_run_arn=map_run_arn)
        return [(arn, index, count, status) for arn, index, count, status in rows]

    def page(self, wanted: ExecutionFilter) -> tuple[list[ExecutionRow], tuple[int, int] | None]:
        """Return a page, newest first, and where the next one begins (None at the end)."""
        query = _restricted(wanted).limit(wanted.limit + 1)
        with self._database.read() as connection:
            rows = [self._opened(tuple(row)) for row in connection.execute(query)]
        if len(rows) <= wanted.limit:
            return rows, None
        last = rows[wanted.limit - 1]
        return rows[: wanted.limit], (last.started_us, last.id)

    def _values(self, row: ExecutionRow) -> dict[str, Any]:
        values = {name: getattr(row, name) for name in _NAMES if name not in {"input", "result"}}
        values["input"] = self._keys.seal(
            SERVICE, row.input.encode("utf-8", "surrogatepass"), _context(row.id, "input")
        )
        values["result"] = None
        return values

    def _seal_result(self, execution_id: int, result: tuple[str | None, ...]) -> bytes:
        return self._keys.seal(SERVICE, encoded(result), _context(execution_id, "result"))

    def _opened(self, found: tuple[Any, ...]) -> ExecutionRow:
        values = dict(zip(_NAMES, found, strict=True))
        execution_id = values["id"]
        opened = self._keys.open(SERVICE, bytes(values["input"]), _context(execution_id, "input"))
        values["input"] = opened.decode("utf-8", "surrogatepass")
        result = values.pop("result")
        output = error = cause = None
        if result is not None:
            output, error, cause = decoded(
                self._keys.open(SERVICE, bytes(result), _context(execution_id, "result"))
            )
        return ExecutionRow(**values, output=output, error=error, cause=cause)


def _context(execution_id: int, part: str) -> bytes:
    return f"execution {execution_id} {part}".encode()


def _restricted(wanted: ExecutionFilter) -> Select[Any]:
    table = executions.c
    query = select(*executions.columns).order_by(table.started_us.desc(), table.id.desc())
    for name in ("map_run_arn", "version_arn", "alias_arn", "status", "machine_arn"):
        if value := getattr(wanted, name):
            query = query.where(table[name] == value)
    if wanted.is_redriven is not None:
        query = query.where(
            table.redrive_count > 0 if wanted.is_redriven else table.redrive_count == 0
        )
    if wanted.after is not None:
        query = query.where(tuple_(table.started_us, table.id) < tuple_(*wanted.after))
    return query
