"""The rows that say where invocations of models are logged to, one a region."""

from sqlalchemy import Connection, bindparam, delete, select

from outcrop.storage.database.tables.metrics import invocation_logging as table
from outcrop.storage.prepared import Prepared

_GET = Prepared(select(table.c.configuration_json).where(table.c.region == bindparam("region")))


def get(connection: Connection, region: str) -> str | None:
    """Return a region's configuration as JSON."""
    row = _GET.first(connection, region=region)
    return None if row is None else str(row[0])


def put(connection: Connection, region: str, configuration_json: str, now_us: int) -> None:
    """Set a region's configuration."""
    remove(connection, region)
    connection.execute(
        table.insert(),
        {"region": region, "configuration_json": configuration_json, "changed_us": now_us},
    )


def remove(connection: Connection, region: str) -> None:
    """Remove a region's configuration, if it has any."""
    connection.execute(delete(table).where(table.c.region == region))
