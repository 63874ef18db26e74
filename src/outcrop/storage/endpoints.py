"""Provisioned throughputs and deployments as rows: what serves a model under an ARN of its own.

Both are created, changed and lost alike, so one repository serves their two tables.
"""

from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Table, bindparam, delete, select, update

from outcrop.storage.database.tables.customization import deployments, provisioned_throughputs
from outcrop.storage.listing import Filters, Listing
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class ThroughputRow:
    """One provisioned throughput, columns as in tables/customization.py."""

    created_us: int
    id: str
    region: str
    name: str
    arn: str
    status: str
    model_arn: str
    desired_model_arn: str
    foundation_model_arn: str
    model_units: int
    commitment: str | None
    commitment_ends_us: int | None
    modified_us: int
    failure_message: str | None
    generation: int

    @property
    def target_model_arn(self) -> str:
        """Model that is to be served once the running change is through."""
        return self.desired_model_arn


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    """One custom model deployment, columns as in tables/customization.py."""

    created_us: int
    id: str
    region: str
    name: str
    arn: str
    status: str
    model_arn: str
    description: str | None
    update_model_arn: str | None
    update_status: str | None
    modified_us: int
    failure_message: str | None
    generation: int

    @property
    def target_model_arn(self) -> str:
        """Model that is to be served once the running change is through."""
        return self.update_model_arn if self.update_status == "Updating" else self.model_arn  # type: ignore[return-value]


RowT = TypeVar("RowT", ThroughputRow, DeploymentRow)


class Endpoints(Generic[RowT]):
    """Rows of one of the two tables."""

    def __init__(self, table: Table, row_type: type[RowT]) -> None:
        self._table = table
        self._row_type: type[RowT] = row_type
        names = tuple(item.name for item in fields(row_type))
        columns = [table.c[name] for name in names]
        self._by_name = Prepared(
            select(*columns).where(
                table.c.region == bindparam("region"), table.c.name == bindparam("name")
            )
        )
        self._by_id = Prepared(select(*columns).where(table.c.id == bindparam("id")))
        self._listing = Listing(table, names)

    def insert(self, connection: Connection, row: RowT) -> None:
        """Add an endpoint. The caller has checked its name in the same transaction."""
        values = {item.name: getattr(row, item.name) for item in fields(self._row_type)}
        connection.execute(self._table.insert().values(values))

    def find(self, connection: Connection, region: str, *, name: str) -> RowT | None:
        """Return the endpoint of this name."""
        row = self._by_name.first(connection, region=region, name=name)
        return None if row is None else self._row_type(*row)

    def get(self, connection: Connection, endpoint_id: str) -> RowT | None:
        """Return the endpoint of this id."""
        row = self._by_id.first(connection, id=endpoint_id)
        return None if row is None else self._row_type(*row)

    def page(
        self, connection: Connection, filters: Filters
    ) -> tuple[list[RowT], tuple[int, str] | None]:
        """Return a page of rows and where the next one begins."""
        rows, following = self._listing.page(connection, filters)
        return [self._row_type(*row) for row in rows], following

    def change(self, connection: Connection, endpoint_id: str, **values: Any) -> None:
        """Set columns of an endpoint; one that is gone stays gone."""
        connection.execute(
            update(self._table).where(self._table.c.id == endpoint_id).values(**values)
        )

    def remove(self, connection: Connection, endpoint_id: str) -> None:
        """Delete an endpoint."""
        connection.execute(delete(self._table).where(self._table.c.id == endpoint_id))


THROUGHPUTS = Endpoints(provisioned_throughputs, ThroughputRow)
DEPLOYMENTS = Endpoints(deployments, DeploymentRow)
