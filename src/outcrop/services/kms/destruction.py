"""The end of keys whose waiting period is over.

Such a key exists for nobody from that moment on; its material is overwritten when the server starts, when a deletion
is scheduled, and when somebody asks for the key.
"""

from sqlalchemy import Connection

from outcrop.core.clock import Clock
from outcrop.services.kms.times import now_us, to_us
from outcrop.services.platform import Context
from outcrop.storage.database.engine import Database
from outcrop.storage.kms_keys import keys
from outcrop.storage.kms_keys.materials import Materials


def destroy_due(connection: Connection, context: Context) -> None:
    """Destroy every key that is due, in a transaction that is open anyway."""
    _destroy(connection, context.platform.kms_materials, now_us(context))


def sweep(database: Database, materials: Materials, clock: Clock) -> None:
    """Destroy every key that is due; for the start of a server."""
    now = to_us(clock.now())
    with database.read() as connection:
        is_due = bool(keys.due_for_deletion(connection, now))
    if is_due:
        with database.write(durable=True) as connection:
            _destroy(connection, materials, now)


def _destroy(connection: Connection, materials: Materials, now: int) -> None:
    for key_id in keys.due_for_deletion(connection, now):
        keys.destroy(connection, key_id)
        materials.forget(key_id)
