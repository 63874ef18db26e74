"""Pages of a table, newest or oldest first, by keyset: a page costs the same wherever it starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Table, and_, bindparam, or_, select
from sqlalchemy.sql.expression import Select

from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list operation asks for; None and "" mean "any".

    Attributes:
        equals: column name → value it must have.
        created_after_us: exclusive bounds, microseconds since 1970.
        after: (created_us, id) of the last row of the page before.
    """

    region: str
    equals: dict[str, str]
    created_after_us: int | None = None
    created_before_us: int | None = None
    name_contains: str = ""
    ascending: bool = False
    limit: int = 1000
    after: tuple[int, str] | None = None


class Listing:
    """Reads pages of a table that has the columns region, name, created_us and id.

    Statements are kept by the shape of the filters, so that each shape is compiled once.

    Args:
        columns: what a row of a page consists of; must begin with created_us and id.
    """

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        assert tuple(columns[:2]) == ("created_us", "id")
        self._table = table
        self._columns = columns
        self._prepared: dict[tuple[object, ...], Prepared] = {}

    def page(
        self, connection: Connection, filters: Filters
    ) -> tuple[list[tuple[Any, ...]], tuple[int, str] | None]:
        """Return the rows of one page, and where the next one begins (None: there is none)."""
        shape = (
            tuple(filters.equals),
            filters.created_after_us is None,
            filters.created_before_us is None,
            bool(filters.name_contains),
            filters.ascending,
            filters.after is None,
        )
        prepared = self._prepared.get(shape)
        if prepared is None:
            prepared = self._prepared[shape] = Prepared(self._select(filters))
        parameters: dict[str, object] = {
            "region": filters.region,
            "created_after": filters.created_after_us,
            "created_before": filters.created_before_us,
            "name_pattern": _like_pattern(filters.name_contains),
            "limit": filters.limit + 1,
            **filters.equals,
        }
        if filters.after:
            parameters["after_us"], parameters["after_id"] = filters.after
        rows = prepared.all(connection, **parameters)
        if len(rows) <= filters.limit:
            return rows, None
        rows.pop()
        return rows, (rows[-1][0], rows[-1][1])

    def _select(self, filters: Filters) -> Select[Any]:
        table = self._table.c
        conditions: list[ColumnElement[bool]] = [table.region == bindparam("region")]
        conditions += [table[name] == bindparam(name) for name in filters.equals]
        if filters.created_after_us is not None:
            conditions.append(table.created_us > bindparam("created_after"))
        if filters.created_before_us is not None:
            conditions.append(table.created_us < bindparam("created_before"))
        if filters.name_contains:
            conditions.append(table.name.like(bindparam("name_pattern"), escape="\\"))
        created, key = table.created_us, table.id
        if filters.after:
            at: BindParameter[int] = bindparam("after_us")
            after_id: BindParameter[str] = bindparam("after_id")
            further = created > at if filters.ascending else created < at
            beside = key > after_id if filters.ascending else key < after_id
            conditions.append(or_(further, and_(created == bindparam("after_us"), beside)))
        order = [created, key] if filters.ascending else [created.desc(), key.desc()]
        return (
            select(*(table[name] for name in self._columns))
            .where(*conditions)
            .order_by(*order)
            .limit(bindparam("limit"))
        )


def _like_pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
