"""A key made ready for use: found, allowed by its state, rotated where that is due, its material at hand."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from outcrop.core.errors import KeySourceUnavailable
from outcrop.services.kms import making
from outcrop.services.kms.errors import KeyUnavailableException
from outcrop.services.kms.identifiers import alias_name, find, key_arn
from outcrop.services.kms.rotating import rotate_if_due
from outcrop.services.kms.states import require_enabled, require_usage
from outcrop.services.kms.times import now_us
from outcrop.services.platform import Context
from outcrop.storage.kms_keys import aliases, keys
from outcrop.storage.kms_keys.keys import KeyRow
from outcrop.storage.kms_keys.materials import Material

ResultT = TypeVar("ResultT")


async def usable_key(identifier: str, usage: str, operation: str, context: Context) -> KeyRow:
    """Return the key of an id, ARN or alias, fit for an operation.

    Args:
        usage: what the key must be for.
        operation: AWS's name, for errors.

    Raises:
        NotFoundException: no such key.
        DisabledException: it is disabled.
        KMSInvalidStateException: it is to be deleted.
        InvalidKeyUsageException: it is for something else.
    """
    row = await _found(identifier, context)
    require_enabled(row)
    require_usage(row, usage, operation)
    if row.is_rotation_due(now_us(context)):
        row = await asyncio.to_thread(rotate_if_due, row, context)
    return row


async def _found(identifier: str, context: Context) -> KeyRow:
    alias = alias_name(identifier)
    if making.managing_service(alias):
        found = await read(context, lambda: _has_alias(alias, context))
        if not found:
            await asyncio.to_thread(making.ensure_managed_key, context, alias)
    return await read(context, lambda: find(context.platform.database.reader, identifier, context))


def _has_alias(alias: str, context: Context) -> bool:
    return aliases.find(context.platform.database.reader, context.region, alias) is not None


async def key_of_id(key_id: str, context: Context) -> KeyRow | None:
    """Return the key that a ciphertext names, or None where this region has none."""
    row = await read(context, lambda: keys.get(context.platform.database.reader, key_id))
    arn = key_arn(context.region, context.account_id, key_id)
    return row if row is not None and row.arn == arn and not row.is_gone(now_us(context)) else None


async def material_of(row: KeyRow, context: Context, material_id: str = "") -> Material | None:
    """Return material of a key: what encrypts now, or an earlier one by its id; None where it has no such.

    Raises:
        KeyUnavailableException: the root of trust cannot be reached, or refuses.
    """
    materials = context.platform.kms_materials
    wanted = material_id or row.material_id
    found = materials.cached(wanted)
    if found is not None:
        return found if found.key_id == row.id else None
    try:
        return await asyncio.to_thread(materials.load, row.id, wanted)
    except KeySourceUnavailable as error:
        raise KeyUnavailableException(str(error)) from None


async def current_material(row: KeyRow, context: Context) -> Material:
    """Return the material that encrypts now.

    Raises:
        KeyUnavailableException: the root of trust cannot be reached, or refuses.
    """
    found = await material_of(row, context)
    assert found is not None, "an enabled key has material"
    return found


async def read(context: Context, work: Callable[[], ResultT]) -> ResultT:
    """Return what a short look at the database finds: at once where the database is a file, else in a thread."""
    if context.platform.database.is_sqlite:
        return work()
    return await asyncio.to_thread(work)
