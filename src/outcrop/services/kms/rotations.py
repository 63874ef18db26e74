"""Rotation: by the calendar, on demand, and what has been."""

import asyncio
from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import ConflictException
from outcrop.aws.operation import operation
from outcrop.services.kms.errors import LimitExceededException
from outcrop.services.kms.identifiers import find_by_id
from outcrop.services.kms.pages import cut, page
from outcrop.services.kms.rotating import ON_DEMAND, is_next, next_material, rotate_if_due
from outcrop.services.kms.states import (
    require_customer_key,
    require_enabled,
    require_symmetric,
)
from outcrop.services.kms.times import DAY_US, from_us, now_us
from outcrop.services.platform import Context
from outcrop.storage.kms_keys import keys, materials
from outcrop.storage.kms_keys.keys import KeyRow, KeyState
from outcrop.storage.kms_keys.materials import MaterialRow

_DEFAULT_DAYS = 365
_MOST_ON_DEMAND = 25


@operation("kms:EnableKeyRotation")
def enable_key_rotation(request: Mapping[str, Any], context: Context) -> None:
    """Give a key new material every so many days, the first time that many days from now.

    Raises:
        NotFoundException: no such key.
        DisabledException: it is disabled.
        UnsupportedOperationException: not a symmetric key.
    """
    days = request.get("RotationPeriodInDays", _DEFAULT_DAYS)
    _set_rotation(request, context, days, now_us(context) + days * DAY_US)


@operation("kms:DisableKeyRotation")
def disable_key_rotation(request: Mapping[str, Any], context: Context) -> None:
    """Let a key keep its material.

    Raises:
        NotFoundException: no such key.
        DisabledException: it is disabled.
        UnsupportedOperationException: not a symmetric key.
    """
    _set_rotation(request, context, None, None)


def _set_rotation(
    request: Mapping[str, Any], context: Context, days: int | None, due_us: int | None
) -> None:
    with context.platform.database.write(durable=True) as connection:
        row = find_by_id(connection, request["KeyId"], context)
        require_customer_key(row)
        require_symmetric(row)
        require_enabled(row)
        keys.change(connection, row.id, rotation_days=days, rotation_due_us=due_us)


@operation("kms:GetKeyRotationStatus")
async def get_key_rotation_status(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Say whether a key rotates, and when next; kinds of keys that cannot rotate never do.

    Raises:
        NotFoundException: no such key.
    """
    row = await _settled(request, context)
    status: dict[str, Any] = {"KeyId": row.id, "KeyRotationEnabled": False}
    # Rotation rests while a key waits for its end, and goes on where that is cancelled.
    if row.rotation_days is not None and row.state != KeyState.PENDING_DELETION:
        assert row.rotation_due_us is not None, "a period has a next time"
        status["KeyRotationEnabled"] = True
        status["RotationPeriodInDays"] = row.rotation_days
        status["NextRotationDate"] = from_us(row.rotation_due_us)
    return status


@operation("kms:RotateKeyOnDemand")
async def rotate_key_on_demand(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Give a key new material now; the calendar stays as it is.

    Raises:
        NotFoundException: no such key.
        DisabledException: it is disabled.
        LimitExceededException: that was done 25 times.
        ConflictException: another rotation of the key came between; ask again.
        UnsupportedOperationException: not a symmetric key.
    """
    return await asyncio.to_thread(_rotate_now, request, context)


def _rotate_now(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    database = context.platform.database
    with database.read() as connection:
        row = find_by_id(connection, request["KeyId"], context)
    _require_rotatable(row)
    material = next_material(row, context, ON_DEMAND)
    with database.write(durable=True) as connection:
        row = find_by_id(connection, request["KeyId"], context)
        _require_rotatable(row)
        if not is_next(connection, material):
            raise ConflictException(f"{row.arn} was rotated just now by another request; try again")
        materials.insert(connection, material)
        keys.change(
            connection,
            row.id,
            material_id=material.id,
            rotations_on_demand=row.rotations_on_demand + 1,
        )
    return {"KeyId": row.id}


def _require_rotatable(row: KeyRow) -> None:
    require_customer_key(row)
    require_symmetric(row)
    require_enabled(row)
    if row.rotations_on_demand >= _MOST_ON_DEMAND:
        raise LimitExceededException(
            "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
            f"rotations can be performed for this key: {row.arn}"
        )


@operation("kms:ListKeyRotations")
async def list_key_rotations(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the rotations of a key, the oldest first; with ALL_KEY_MATERIAL also the first material.

    Raises:
        NotFoundException: no such key.
        UnsupportedOperationException: not a symmetric key.
        InvalidMarkerException: the marker is none that this operation returned.
    """
    row = await _settled(request, context)
    require_symmetric(row)
    with context.platform.database.read() as connection:
        found = materials.of_key(connection, row.id)
    if request.get("IncludeKeyMaterial") != "ALL_KEY_MATERIAL":
        found = [material for material in found if material.number]
    shown, following = cut(found, [material.id for material in found], request, 100, context)
    return page("Rotations", [_describe(item, row) for item in shown], following, context)


def _describe(material: MaterialRow, row: KeyRow) -> dict[str, Any]:
    described: dict[str, Any] = {
        "KeyId": row.id,
        "KeyMaterialId": material.id,
        "KeyMaterialState": "CURRENT" if material.id == row.material_id else "NON_CURRENT",
    }
    if material.number:
        described["RotationDate"] = from_us(material.created_us)
        described["RotationType"] = material.rotation_type
    return described


async def _settled(request: Mapping[str, Any], context: Context) -> KeyRow:
    """Return a key, after a rotation that was due."""
    row = find_by_id(context.platform.database.reader, request["KeyId"], context)
    if row.is_rotation_due(now_us(context)):
        row = await asyncio.to_thread(rotate_if_due, row, context)
    return row
