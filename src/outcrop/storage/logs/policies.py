"""The rows of resource policies of log groups in general."""

from sqlalchemy import Connection, bindparam, delete, select

from outcrop.storage.database.tables.logs import log_policies
from outcrop.storage.prepared import Prepared

_OF_REGION = Prepared(
    select(log_policies.c.name, log_policies.c.document, log_policies.c.changed_us)
    .where(log_policies.c.region == bindparam("region"))
    .order_by(log_policies.c.name)
)


def of_region(connection: Connection, region: str) -> dict[str, tuple[str, int]]:
    """Return name → (document, when it was set) of a region's policies, by name in order."""
    return {
        name: (document, changed)
        for name, document, changed in _OF_REGION.all(connection, region=region)
    }


def put(connection: Connection, region: str, name: str, document: str, now_us: int) -> None:
    """Set a policy."""
    remove(connection, region, name)
    connection.execute(
        log_policies.insert(),
        {"region": region, "name": name, "document": document, "changed_us": now_us},
    )


def remove(connection: Connection, region: str, name: str) -> None:
    """Remove a policy; one that is not there is no error."""
    connection.execute(
        delete(log_policies).where(log_policies.c.region == region, log_policies.c.name == name)
    )
