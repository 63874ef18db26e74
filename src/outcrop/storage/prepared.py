"""SQL that is compiled once and then goes straight to the driver.

SQLAlchemy's execution costs some 50 µs a statement, the driver's 6; on the few statements that every read of a
job or model runs, that is most of the request. Statements stay SQLAlchemy Core, so every database is served.
"""

from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Select


class Prepared:
    """A select, compiled at its first use.

    Args:
        statement: its values are `bindparam`s; its columns need no conversion (integers and text).
    """

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def all(self, connection: Connection, **parameters: object) -> list[tuple[Any, ...]]:
        """Return every row."""
        sql, positions = self._compiled.get(connection.dialect.name) or self._compile(
            connection.dialect
        )
        values = parameters if positions is None else [parameters[name] for name in positions]
        cursor = connection.connection.cursor()
        try:
            cursor.execute(sql, values)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def first(self, connection: Connection, **parameters: object) -> tuple[Any, ...] | None:
        """Return the first row, or None; meant for at most one."""
        rows = self.all(connection, **parameters)
        return rows[0] if rows else None

    def _compile(self, dialect: Dialect) -> tuple[str, tuple[str, ...] | None]:
        compiled = self._statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        positions = tuple(compiled.positiontup or ()) if compiled.positional else None
        self._compiled[dialect.name] = entry = (compiled.string, positions)
        return entry
