"""Keys: make, describe, list, switch on and off, and schedule their end."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import operation
from outcrop.governance.quota_catalogue import KEYS
from outcrop.services.kms import making
from outcrop.services.kms.destruction import destroy_due
from outcrop.services.kms.errors import (
    KMSInvalidStateException,
    LimitExceededException,
    UnsupportedOperationException,
)
from outcrop.services.kms.identifiers import alias_name, find, find_by_id
from outcrop.services.kms.key_policies import checked_policy
from outcrop.services.kms.pages import page, position
from outcrop.services.kms.specs import (
    ALGORITHM_MEMBERS,
    ENCRYPT_DECRYPT,
    SPECS,
    SYMMETRIC,
    algorithms_of,
)
from outcrop.services.kms.states import require_customer_key, require_not_pending
from outcrop.services.kms.tags import read_tags
from outcrop.services.kms.times import DAY_US, from_us, now_us
from outcrop.services.platform import Context
from outcrop.storage import usage as usage_counts
from outcrop.storage.kms_keys import aliases, keys
from outcrop.storage.kms_keys.keys import KeyRow, KeyState

_LONGEST_WAIT_DAYS = 30
_SHORTEST_WAIT_DAYS = 7


@operation("kms:CreateKey")
async def create_key(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a key of any usual kind, with fresh material.

    Raises:
        MalformedPolicyDocumentException: the policy is none, or locks its author out.
        LimitExceededException: the region has too many keys.
        UnsupportedOperationException: multi-Region keys, imported material, custom key stores, kinds not built.
        ValidationException: usage and spec do not go together.
        TagException: a tag is reserved or there twice.
    """
    # A key pair takes up to a second and Vault may make us wait: neither on the loop nor before other writes.
    return await asyncio.to_thread(_create_key, request, context)


def _create_key(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    spec, usage = _kind(request)
    _require_built(request)
    tags = read_tags(request.get("Tags"))
    key_id = str(uuid4())
    policy = request.get("Policy")
    if policy is None:
        policy = making.default_policy(context.account_id)
    else:
        is_bypassed = request.get("BypassPolicyLockoutSafetyCheck", False)
        checked_policy(policy, key_id, context, is_bypassed=is_bypassed)
    material = making.new_material(context, key_id, spec)
    row = making.new_key(
        context,
        spec=spec,
        usage=usage,
        policy=policy,
        description=request.get("Description", ""),
        material=material,
    )
    with context.platform.database.write(durable=True) as connection:
        used = usage_counts.customer_key_count(connection, context.region) + 1
        excess = context.platform.quotas.excess(
            KEYS.service, KEYS.code, used, region=context.region
        )
        if excess:
            raise LimitExceededException(excess)
        making.insert(connection, row, material, tags)
    return {"KeyMetadata": metadata(row, context.account_id)}


def _kind(request: Mapping[str, Any]) -> tuple[str, str]:
    if "KeySpec" in request and "CustomerMasterKeySpec" in request:
        raise ValidationException(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated."
        )
    spec = request.get("KeySpec") or request.get("CustomerMasterKeySpec") or SYMMETRIC
    usage = request.get("KeyUsage")
    if usage is None:
        if spec != SYMMETRIC:
            raise ValidationException(
                "You must specify a KeyUsage value for all KMS keys except for symmetric "
                "encryption keys."
            )
        usage = ENCRYPT_DECRYPT
    if spec not in SPECS:
        raise UnsupportedOperationException(
            f"Keys of spec {spec} are not built here; there are {', '.join(SPECS)}"
        )
    if usage not in SPECS[spec].algorithms:
        raise ValidationException(f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    return spec, usage


def _require_built(request: Mapping[str, Any]) -> None:
    if request.get("MultiRegion"):
        raise UnsupportedOperationException(
            "Multi-Region keys are not built here: leave MultiRegion out, and make a key in each region"
        )
    origin = request.get("Origin", "AWS_KMS")
    if origin == "EXTERNAL":
        raise UnsupportedOperationException(
            "Key material cannot be imported here: leave Origin out, and the server makes it"
        )
    if origin != "AWS_KMS" or "CustomKeyStoreId" in request:
        raise UnsupportedOperationException(
            "There are no custom key stores here: leave Origin out; a root of trust in Vault keeps what "
            "wraps the keys outside the server"
        )


@operation("kms:DescribeKey")
async def describe_key(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Describe a key; asking for an alias of a service makes that service's key.

    Raises:
        NotFoundException: no such key in this account and region.
    """
    database = context.platform.database
    alias = alias_name(request["KeyId"])
    if (
        making.managing_service(alias)
        and aliases.find(database.reader, context.region, alias) is None
    ):
        await asyncio.to_thread(making.ensure_managed_key, context, alias)
    row = find(database.reader, request["KeyId"], context)
    return {"KeyMetadata": metadata(row, context.account_id)}


@operation("kms:ListKeys")
def list_keys(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the keys of the region, by id.

    Raises:
        InvalidMarkerException: the marker is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        found, following = keys.page(
            connection,
            context.region,
            after=position(request, context),
            limit=request.get("Limit", 100),
            now_us=now_us(context),
        )
    items = [{"KeyId": key_id, "KeyArn": arn} for key_id, arn in found]
    return page("Keys", items, following, context)


@operation("kms:EnableKey")
def enable_key(request: Mapping[str, Any], context: Context) -> None:
    """Let a key be used again.

    Raises:
        NotFoundException: no such key.
        KMSInvalidStateException: it is to be deleted.
    """
    _switch(request, context, KeyState.ENABLED)


@operation("kms:DisableKey")
def disable_key(request: Mapping[str, Any], context: Context) -> None:
    """Stop every use of a key, from the next call on.

    Raises:
        NotFoundException: no such key.
        KMSInvalidStateException: it is to be deleted.
    """
    _switch(request, context, KeyState.DISABLED)


def _switch(request: Mapping[str, Any], context: Context, state: KeyState) -> None:
    with context.platform.database.write(durable=True) as connection:
        row = find_by_id(connection, request["KeyId"], context)
        require_customer_key(row)
        require_not_pending(row)
        keys.change(connection, row.id, state=state)


@operation("kms:UpdateKeyDescription")
def update_key_description(request: Mapping[str, Any], context: Context) -> None:
    """Change what a key says it is for.

    Raises:
        NotFoundException: no such key.
        KMSInvalidStateException: it is to be deleted.
    """
    with context.platform.database.write(durable=True) as connection:
        row = find_by_id(connection, request["KeyId"], context)
        require_customer_key(row)
        require_not_pending(row)
        keys.change(connection, row.id, description=request["Description"])


@operation("kms:ScheduleKeyDeletion")
def schedule_key_deletion(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Stop every use of a key now, and destroy it with its material after 7 to 30 days.

    Raises:
        NotFoundException: no such key.
        KMSInvalidStateException: that is under way already.
        ValidationException: the waiting period is too short or too long.
    """
    days = request.get("PendingWindowInDays", _LONGEST_WAIT_DAYS)
    if not _SHORTEST_WAIT_DAYS <= days <= _LONGEST_WAIT_DAYS:
        raise ValidationException(
            f"PendingWindowInDays must be between {_SHORTEST_WAIT_DAYS} and {_LONGEST_WAIT_DAYS}, "
            f"not {days}"
        )
    due_us = now_us(context) + days * DAY_US
    with context.platform.database.write(durable=True) as connection:
        destroy_due(connection, context)
        row = find_by_id(connection, request["KeyId"], context)
        require_customer_key(row)
        require_not_pending(row)
        keys.change(
            connection,
            row.id,
            state=KeyState.PENDING_DELETION,
            deletion_us=due_us,
            pending_days=days,
        )
    return {
        "KeyId": row.arn,
        "DeletionDate": from_us(due_us),
        "KeyState": KeyState.PENDING_DELETION.value,
        "PendingWindowInDays": days,
    }


@operation("kms:CancelKeyDeletion")
def cancel_key_deletion(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Keep a key after all; it is disabled until somebody enables it.

    Raises:
        NotFoundException: no such key, or too late.
        KMSInvalidStateException: it is not to be deleted.
    """
    with context.platform.database.write(durable=True) as connection:
        row = find_by_id(connection, request["KeyId"], context)
        if row.state != KeyState.PENDING_DELETION:
            raise KMSInvalidStateException(f"{row.arn} is not pending deletion.")
        keys.change(
            connection,
            row.id,
            state=KeyState.DISABLED,
            deletion_us=None,
            pending_days=None,
        )
    return {"KeyId": row.arn}


def metadata(row: KeyRow, account_id: str) -> dict[str, Any]:
    """Return what CreateKey and DescribeKey answer of a key."""
    described: dict[str, Any] = {
        "AWSAccountId": account_id,
        "KeyId": row.id,
        "Arn": row.arn,
        "CreationDate": from_us(row.created_us),
        "Enabled": row.is_enabled,
        "Description": row.description,
        "KeyUsage": row.usage,
        "KeyState": row.state,
        "Origin": row.origin,
        "KeyManager": "AWS" if row.service else "CUSTOMER",
        "CustomerMasterKeySpec": row.spec,
        "KeySpec": row.spec,
        "MultiRegion": False,
        ALGORITHM_MEMBERS[row.usage]: algorithms_of(row.spec, row.usage),
    }
    if row.deletion_us is not None:
        described["DeletionDate"] = from_us(row.deletion_us)
    if row.is_symmetric:
        described["CurrentKeyMaterialId"] = row.material_id
    return described
