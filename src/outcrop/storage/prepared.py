"""SQL that is compiled once and then goes straight to the driver.

SQLAlchemy's execution costs some 50 µs a statement, the driver's 6; on the few statements that every read of a
job or model runs, that is most of the request. Statements stay SQLAlchemy Core, so every database is served.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Select


@dataclass(frozen=True, slots=True)
class _Compiled:
    """SQL in a driver's form.

    Attributes:
        positions: names of the parameters in order, or None where the driver takes them by name.
        constants: values that the statement itself holds.
    """

    sql: str
    positions: tuple[str, ...] | None
    constants: dict[str, object]


class Prepared:
    """A select, compiled at its first use.

    Args:
        statement: what varies in it are `bindparam`s; its columns need no conversion (integers and text).
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: Connection, **parameters: object) -> list[tuple[Any, ...]]:
        """Return every row."""
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compile(connection.dialect)
        if compiled.constants:
            parameters = {**compiled.constants, **parameters}
        positions = compiled.positions
        values = parameters if positions is None else [parameters[name] for name in positions]
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.sql, values)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def first(self, connection: Connection, **parameters: object) -> tuple[Any, ...] | None:
        """Return the first row, or None; meant for at most one."""
        rows = self.all(connection, **parameters)
        return rows[0] if rows else None

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled = self._statement.compile(
            dialect=dialect, compile_kwargs={"render_postcompile": True}
        )
        assert isinstance(compiled, SQLCompiler)
        positions = tuple(compiled.positiontup or ()) if compiled.positional else None
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._compiled[dialect.name] = entry = _Compiled(compiled.string, positions, constants)
        return entry
