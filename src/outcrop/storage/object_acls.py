"""Access control lists of objects, by content; an object without a row is its owner's alone.

Also the short look at an object that every decision about it takes: its tags, and which content to ask for a list of.
"""

import json
from typing import Any, cast

from sqlalchemy import Connection, bindparam, delete, insert, select

from outcrop.storage.database.tables.bucket_configuration import object_acls
from outcrop.storage.prepared import Prepared

# Grantee and permission, as services/s3/acl.py spells them.
Grants = list[list[str]]
_OF_CONTENT = Prepared(
    select(object_acls.c.grants_json).where(object_acls.c.content_id == bindparam("content_id"))
)


def of(connection: Connection, content_id: str) -> Grants | None:
    """Return an object's grants, or None where only its owner has any."""
    row = _OF_CONTENT.first(connection, content_id=content_id)
    return None if row is None else cast("Grants", json.loads(row[0]))


def put(connection: Connection, content_id: str, grants: Any) -> None:
    """Replace an object's grants; None leaves it to its owner."""
    connection.execute(delete(object_acls).where(object_acls.c.content_id == content_id))
    if grants is not None:
        row = {"content_id": content_id, "grants_json": json.dumps(grants)}
        connection.execute(insert(object_acls), row)
