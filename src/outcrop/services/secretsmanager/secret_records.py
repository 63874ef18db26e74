"""Secrets themselves: CreateSecret, DescribeSecret, UpdateSecret, DeleteSecret, RestoreSecret."""

import asyncio
import dataclasses
import secrets
import string
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import DAY_US, from_us, now_us
from outcrop.services.platform import Context
from outcrop.services.secretsmanager import lookup, sealing, staging_labels
from outcrop.services.secretsmanager.descriptions import describe
from outcrop.services.secretsmanager.errors import (
    InvalidParameterException,
    InvalidRequestException,
    ResourceExistsException,
)
from outcrop.services.secretsmanager.secret_tags import read_tags
from outcrop.services.secretsmanager.values import Value, check_text, read_token, read_value
from outcrop.services.secretsmanager.versions import add_version, check_same, write_version
from outcrop.storage import tags as tag_rows
from outcrop.storage.secrets import SecretRow, VersionRow, rows

_LETTERS = string.ascii_letters + string.digits
_SUFFIX_LENGTH = 6
_LONGEST_WINDOW_DAYS, _SHORTEST_WINDOW_DAYS = 30, 7
_LABELS_RESEALED = (staging_labels.CURRENT, staging_labels.PREVIOUS, staging_labels.PENDING)
# Accepting these and leaving them out would promise copies that are not there.
_NOT_OFFERED = {
    "AddReplicaRegions": "an installation has no second region to copy secrets to",
    "CrossAccountPrimaryARN": "an installation has one account",
    "Type": "secrets that other vendors manage are not available here",
}


@operation("secretsmanager:CreateSecret")
async def create_secret(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a secret, with its first version where a value is given; the same request again changes nothing.

    Raises:
        ResourceExistsException: another secret has the name.
        InvalidRequestException: one that is scheduled for deletion has it.
        InvalidParameterException: the value is too long, or something is asked for that is not offered.
        EncryptionFailure: the KMS key cannot be used.
    """
    _check_offered(request)
    lookup.check_name(request["Name"])
    if description := request.get("Description"):
        check_text("Description", description)
    token, value = read_token(request), read_value(request)
    tags = read_tags(request.get("Tags"))
    while True:
        with context.platform.database.read() as connection:
            present = lookup.find(connection, request["Name"], context.region, context.platform)
        if present is not None:
            return await _repeat(present, token, value, context)
        now = now_us(context.platform.clock)
        secret = _new_secret(request, now, context)
        version = None
        if value is not None:
            version = await sealing.make_version(secret, token, value, now, context)
        # The commit waits for the disk and for other writers: not on the event loop.
        if await asyncio.to_thread(_record, secret, version, tags, context):
            return _answer(secret, token if version else None)


def _new_secret(request: Mapping[str, Any], now: int, context: Context) -> SecretRow:
    name = request["Name"]
    suffix = "".join(secrets.choice(_LETTERS) for _ in range(_SUFFIX_LENGTH))
    return SecretRow(
        arn=f"{lookup.arn_prefix(context.region, context.account_id)}{name}-{suffix}",
        region=context.region,
        name=name,
        description=request.get("Description"),
        kms_key_id=sealing.named_key(request.get("KmsKeyId")),
        policy=None,
        rotation_json=None,
        created_us=now,
        changed_us=now,
        accessed_us=None,
        deleted_us=None,
    )


def _record(
    secret: SecretRow, version: VersionRow | None, tags: Mapping[str, str], context: Context
) -> bool:
    """Write a new secret; False when another request took its name meanwhile."""
    with context.platform.database.write(durable=True) as connection:
        # One that is gone for callers may still hold the name.
        rows.remove_due(connection, secret.created_us)
        if rows.find(connection, secret.region, name=secret.name, now_us=secret.created_us):
            return False
        rows.insert(connection, secret)
        tag_rows.put(connection, secret.arn, tags)
        if version is not None:
            write_version(connection, version, [staging_labels.CURRENT])
    return True


async def _repeat(
    present: SecretRow, token: str, value: Value | None, context: Context
) -> dict[str, Any]:
    """Answer a request to create a secret that is there already."""
    if present.deleted_us is not None:
        raise InvalidRequestException(
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )
    with context.platform.database.read() as connection:
        version = rows.version(connection, present.arn, token)
    if version is None or value is None:
        raise ResourceExistsException(
            f"The operation failed because the secret {present.name} already exists."
        )
    await check_same(version, value, context)
    return _answer(present, token)


def _answer(secret: SecretRow, version_id: str | None) -> dict[str, Any]:
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": version_id}


@operation("secretsmanager:DescribeSecret")
def describe_secret(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Tell all about a secret but its value, also while it is scheduled for deletion.

    Raises:
        ResourceNotFoundException: no such secret in this region.
    """
    with context.platform.database.read() as connection:
        secret = lookup.require(connection, request["SecretId"], context)
        tags = tag_rows.of(connection, secret.arn)
        labels = rows.stages(connection, secret.arn)
    return describe(secret, tags, VersionIdsToStages=labels)


@operation("secretsmanager:UpdateSecret")
async def update_secret(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Change a secret's description or key, or give it a new current version.

    With another key, the versions that carry AWSCURRENT, AWSPREVIOUS and AWSPENDING are encrypted anew.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        ResourceExistsException: the token was used for another value.
        InvalidRequestException: the secret is marked for deletion.
    """
    _check_offered(request)
    token, value = read_token(request), read_value(request)
    database = context.platform.database
    with database.read() as connection:
        secret = lookup.require_usable(connection, request["SecretId"], context)
        labels = rows.stages(connection, secret.arn)
        kept = {
            version_id: rows.version(connection, secret.arn, version_id)
            for version_id in {labels[label] for label in _LABELS_RESEALED if label in labels}
        }
        present = rows.version(connection, secret.arn, token)
    if value is not None and present is not None:
        # Before anything is changed: a request that is refused leaves all as it was.
        await check_same(present, value, context)
    changes: dict[str, Any] = {}
    if "Description" in request:
        check_text("Description", request["Description"])
        changes["description"] = request["Description"]
    resealed: list[VersionRow] = []
    if "KmsKeyId" in request:
        key = changes["kms_key_id"] = sealing.named_key(request["KmsKeyId"])
        resealed = [
            await sealing.reseal(version, key, context)
            for version in kept.values()
            if version is not None and version.kms_key_id != key
        ]
    if changes:
        await asyncio.to_thread(_change, secret, changes, resealed, context)
        secret = dataclasses.replace(secret, **changes)
    if value is not None:
        await add_version(secret, token, value, [staging_labels.CURRENT], context)
    return _answer(secret, token if value is not None else None)


def _change(
    secret: SecretRow, changes: Mapping[str, Any], resealed: list[VersionRow], context: Context
) -> None:
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        lookup.require_usable(connection, secret.arn, context)
        rows.change(connection, secret.arn, changed_us=now, **changes)
        for version in resealed:
            rows.change_version(
                connection,
                secret.arn,
                version.id,
                sealed=version.sealed,
                kms_key_id=version.kms_key_id,
                wrapped_key=version.wrapped_key,
            )


@operation("secretsmanager:DeleteSecret")
def delete_secret(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Schedule a secret for deletion, 30 days ahead unless told otherwise, or delete it at once.

    Raises:
        ResourceNotFoundException: no such secret in this region, and its deletion was not forced.
        InvalidParameterException: the window is not of 7 to 30 days, or contradicts the force.
        InvalidRequestException: it is scheduled for deletion already.
    """
    days, is_forced = request.get("RecoveryWindowInDays"), request.get("ForceDeleteWithoutRecovery")
    if is_forced and days is not None:
        raise InvalidParameterException(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
        )
    days = _LONGEST_WINDOW_DAYS if days is None else days
    if not _SHORTEST_WINDOW_DAYS <= days <= _LONGEST_WINDOW_DAYS:
        raise InvalidParameterException(
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
        )
    identifier, now = request["SecretId"], now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        rows.remove_due(connection, now)
        if is_forced:
            secret = lookup.find(connection, identifier, context.region, context.platform)
            if secret is None:
                return _never_there(identifier, now, context)
            rows.remove(connection, secret.arn)
            gone = now
        else:
            secret = lookup.require(connection, identifier, context)
            if secret.deleted_us is not None:
                raise InvalidRequestException(
                    "You tried to perform the operation on a secret that's currently marked deleted."
                )
            gone = now + days * DAY_US
            rows.change(connection, secret.arn, deleted_us=gone, changed_us=now)
    return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": from_us(gone)}


def _never_there(identifier: str, now: int, context: Context) -> dict[str, Any]:
    """Answer a forced deletion of what does not exist: as AWS does, that it is gone."""
    prefix = lookup.arn_prefix(context.region, context.account_id)
    if identifier.startswith("arn:"):
        arn, name = identifier, identifier.removeprefix(prefix)
    else:
        lookup.check_name(identifier)
        arn, name = f"{prefix}{identifier}", identifier
    return {"ARN": arn, "Name": name, "DeletionDate": from_us(now)}


@operation("secretsmanager:RestoreSecret")
def restore_secret(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take a secret's scheduled deletion back.

    Raises:
        ResourceNotFoundException: no such secret in this region, or its window is over.
    """
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        secret = lookup.require(connection, request["SecretId"], context)
        if secret.deleted_us is not None:
            rows.change(connection, secret.arn, deleted_us=None, changed_us=now)
    return {"ARN": secret.arn, "Name": secret.name}


def _check_offered(request: Mapping[str, Any]) -> None:
    for member, reason in _NOT_OFFERED.items():
        if request.get(member):
            raise InvalidParameterException(f"{member} can't be used: {reason}. Leave it out.")
