"""The storage class of an object that is there already: a label here, as all content lies on the same disks."""

from sqlalchemy import Connection, update

from outcrop.storage.database.tables import objects as tables


def change(connection: Connection, bucket: str, key: str, version_id: str, to: str) -> None:
    """Give a version another storage class; one that is gone is passed over."""
    for table in (tables.objects, tables.object_versions):
        connection.execute(
            update(table)
            .where(table.c.bucket == bucket, table.c.key == key, table.c.version_id == version_id)
            .values(storage_class=to)
        )
