"""Tags of resources, by ARN."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, bindparam, delete, select

from outcrop.storage.database.tables.customization import tags as table
from outcrop.storage.prepared import Prepared

_OF_RESOURCE = Prepared(
    select(table.c.key, table.c.value)
    .where(table.c.resource_arn == bindparam("arn"))
    .order_by(table.c.key)
)


def of(connection: Connection, arn: str) -> dict[str, str]:
    """Return a resource's tags, by key in order."""
    return dict(_OF_RESOURCE.all(connection, arn=arn))


def put(connection: Connection, arn: str, tags: Mapping[str, str]) -> None:
    """Set tags; a key that is there gets the new value."""
    if not tags:
        return
    drop(connection, arn, tags)
    connection.execute(
        table.insert(),
        [{"resource_arn": arn, "key": key, "value": value} for key, value in tags.items()],
    )


def drop(connection: Connection, arn: str, keys: Iterable[str]) -> None:
    """Delete tags; a key that is not there is no error."""
    connection.execute(
        delete(table).where(table.c.resource_arn == arn, table.c.key.in_(list(keys)))
    )


def drop_all(connection: Connection, arn: str) -> None:
    """Delete every tag of a resource that is gone."""
    connection.execute(delete(table).where(table.c.resource_arn == arn))
