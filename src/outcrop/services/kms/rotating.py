"""How a key gets new material: what it encrypted before still opens under the old one."""

from sqlalchemy import Connection

from outcrop.services.kms.errors import NotFoundException
from outcrop.services.kms.making import new_material
from outcrop.services.kms.times import DAY_US, now_us
from outcrop.services.platform import Context
from outcrop.storage.kms_keys import keys, materials
from outcrop.storage.kms_keys.keys import KeyRow
from outcrop.storage.kms_keys.materials import MaterialRow

AUTOMATIC = "AUTOMATIC"
ON_DEMAND = "ON_DEMAND"


def next_material(row: KeyRow, context: Context, rotation_type: str) -> MaterialRow:
    """Return fresh material that follows a key's present one; before the transaction, since Vault may take its time.

    Raises:
        KeyUnavailableException: the root of trust cannot be reached, or refuses.
    """
    with context.platform.database.read() as connection:
        number = len(materials.of_key(connection, row.id))
    return new_material(context, row.id, row.spec, number=number, rotation_type=rotation_type)


def is_next(connection: Connection, material: MaterialRow) -> bool:
    """Whether nobody rotated the key since this material was made for it."""
    return len(materials.of_key(connection, material.key_id)) == material.number


def rotate_if_due(found: KeyRow, context: Context) -> KeyRow:
    """Rotate a key whose time has come, and return it as it is then.

    Raises:
        NotFoundException: it went meanwhile.
        KeyUnavailableException: the root of trust cannot be reached, or refuses.
    """
    material = next_material(found, context, AUTOMATIC)
    with context.platform.database.write(durable=True) as connection:
        row = keys.get(connection, found.id)
        now = now_us(context)
        if row is not None and row.is_rotation_due(now) and is_next(connection, material):
            assert row.rotation_days is not None, "a rotation that is due has a period"
            materials.insert(connection, material)
            keys.change(
                connection,
                row.id,
                material_id=material.id,
                rotation_due_us=now + row.rotation_days * DAY_US,
            )
        row = keys.get(connection, found.id)
    if row is None:
        raise NotFoundException(f"Key '{found.arn}' does not exist")
    return row
