"""Versions of a secret: PutSecretValue, GetSecretValue, BatchGetSecretValue, UpdateSecretVersionStage and their list."""

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import operation
from outcrop.core.times import DAY_US, from_us, now_us, optional
from outcrop.services.platform import Context
from outcrop.services.secretsmanager import lookup, sealing, staging_labels
from outcrop.services.secretsmanager.errors import (
    InvalidParameterException,
    InvalidRequestException,
    LimitExceededException,
    ResourceExistsException,
    ResourceNotFoundException,
)
from outcrop.services.secretsmanager.pages import read_position, write_position
from outcrop.services.secretsmanager.secret_lists import read_list
from outcrop.services.secretsmanager.staging_labels import CURRENT
from outcrop.services.secretsmanager.values import Value, check_text, read_token, read_value
from outcrop.storage.secrets import SecretRow, VersionRow, rows

MOST_VERSIONS = 100  # of a secret (Secrets Manager quotas); those without labels make room
_DEFAULT_BATCH = 20
_DEFAULT_PAGE = 100
_OWN_KEY = "DefaultEncryptionKey"  # how AWS calls aws/secretsmanager in lists of versions


@operation("secretsmanager:PutSecretValue")
async def put_secret_value(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add a version to a secret, by default as AWSCURRENT; the same token and value again change nothing.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        ResourceExistsException: the token was used for another value.
        InvalidRequestException: the secret is marked for deletion, or there is no value.
        LimitExceededException: a hundred versions carry labels already.
    """
    if "RotationToken" in request:
        # Without the token: it is a secret too.
        raise InvalidParameterException("The RotationToken is not that of a rotation in progress.")
    token, value = read_token(request), read_value(request, is_required=True)
    assert value is not None
    given = request.get("VersionStages") or [CURRENT]
    for label in given:
        check_text("VersionStages", label)
    with context.platform.database.read() as connection:
        secret = lookup.require_usable(connection, request["SecretId"], context)
    labels = await add_version(secret, token, value, given, context)
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": token,
        "VersionStages": staging_labels.by_version(labels).get(token),
    }


async def add_version(
    secret: SecretRow, token: str, value: Value, given: Sequence[str], context: Context
) -> dict[str, str]:
    """Add a version under some labels, unless it is there already; return the secret's labels.

    Raises:
        ResourceExistsException: there is a version of this id with another value.
        LimitExceededException: too many versions with labels, or labels on this one.
    """
    database = context.platform.database
    with database.read() as connection:
        present = rows.version(connection, secret.arn, token)
    if present is None:
        now = now_us(context.platform.clock)
        version = await sealing.make_version(secret, token, value, now, context)
        # The commit waits for the disk and for other writers: not on the event loop.
        labels = await asyncio.to_thread(_record, secret, version, given, context)
        if labels is not None:
            return labels
        with database.read() as connection:
            present = rows.version(connection, secret.arn, token)
    assert present is not None
    await check_same(present, value, context)
    with database.read() as connection:
        return rows.stages(connection, secret.arn)


async def check_same(version: VersionRow, value: Value, context: Context) -> None:
    """Make sure that a request that comes again carries the value that it carried first.

    Raises:
        ResourceExistsException: it does not.
    """
    kept = await sealing.open_version(version, context)
    if kept.kind != value.kind or not hmac.compare_digest(kept.content, value.content):
        raise ResourceExistsException(
            f"You can't use ClientRequestToken {version.id} because that value is already in use for a version of "
            f"secret {version.secret_arn}."
        )


def _record(
    secret: SecretRow, version: VersionRow, given: Sequence[str], context: Context
) -> dict[str, str] | None:
    """Write a version; None when another request with its token was faster."""
    with context.platform.database.write(durable=True) as connection:
        lookup.require_usable(connection, secret.arn, context)
        if rows.version(connection, secret.arn, version.id) is not None:
            return None
        return write_version(connection, version, given)


def write_version(
    connection: Connection, version: VersionRow, given: Sequence[str]
) -> dict[str, str]:
    """Add a version and move the labels to it; old versions without labels make room.

    Raises:
        LimitExceededException: too many versions with labels, or labels on this one.
    """
    arn = version.secret_arn
    labels = staging_labels.with_version(rows.stages(connection, arn), version.id, given)
    rows.insert_version(connection, version)
    rows.put_stages(connection, arn, labels)
    rows.change(connection, arn, changed_us=version.created_us)
    kept = [item.id for item in rows.versions(connection, arn)]
    if len(kept) > MOST_VERSIONS:
        labelled = set(labels.values())
        deprecated = [item for item in kept if item not in labelled]
        surplus = deprecated[: len(kept) - MOST_VERSIONS]
        rows.remove_versions(connection, arn, surplus)
        if len(kept) - len(surplus) > MOST_VERSIONS:
            raise LimitExceededException(
                f"The secret has {MOST_VERSIONS} versions with staging labels: take labels off those that are no "
                "longer used."
            )
    return labels


@operation("secretsmanager:GetSecretValue")
async def get_secret_value(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the value of a version, by id or by label; that of AWSCURRENT unless asked otherwise.

    Raises:
        ResourceNotFoundException: no such secret, version or label.
        InvalidRequestException: the secret is marked for deletion, or the label is not on the version.
        DecryptionFailure: its KMS key cannot be used.
    """
    with context.platform.database.read() as connection:
        secret = lookup.require_usable(connection, request["SecretId"], context)
        labels = rows.stages(connection, secret.arn)
        version = _choose(
            connection, secret, labels, request.get("VersionId"), request.get("VersionStage")
        )
    value = await sealing.open_version(version, context)
    day = now_us(context.platform.clock) // DAY_US * DAY_US
    if version.accessed_us != day or secret.accessed_us != day:
        await asyncio.to_thread(_note_reading, version, day, context)
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version.id,
        **value.as_member(),
        "VersionStages": staging_labels.by_version(labels).get(version.id),
        "CreatedDate": from_us(version.created_us),
    }


def _choose(
    connection: Connection,
    secret: SecretRow,
    labels: Mapping[str, str],
    version_id: str | None,
    label: str | None,
) -> VersionRow:
    if version_id is None:
        label = label or CURRENT
        chosen = labels.get(label)
        missing = f"staging label: {label}"
    else:
        chosen = version_id
        missing = f"VersionId: {version_id}"
    version = rows.version(connection, secret.arn, chosen) if chosen else None
    if version is None:
        raise ResourceNotFoundException(
            f"Secrets Manager can't find the specified secret value for {missing}"
        )
    if version_id is not None and label is not None and labels.get(label) != version_id:
        raise InvalidRequestException(
            "You provided a VersionStage that is not associated to the provided VersionId."
        )
    return version


def _note_reading(version: VersionRow, day_us: int, context: Context) -> None:
    with context.platform.database.write() as connection:
        rows.change(connection, version.secret_arn, accessed_us=day_us)
        rows.change_version(connection, version.secret_arn, version.id, accessed_us=day_us)


@operation("secretsmanager:BatchGetSecretValue")
async def batch_get_secret_value(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the current values of up to twenty secrets, named or found by filters.

    Each is read as GetSecretValue would for this caller; what fails is listed beside what does not.

    Raises:
        InvalidParameterException: names and filters together, or neither.
        InvalidNextTokenException: the token was not given out by this operation.
    """
    named, filters = request.get("SecretIdList"), request.get("Filters")
    if bool(named) == bool(filters):
        raise InvalidParameterException(
            "Either 'SecretIdList' or 'Filters' must be provided, but not both."
        )
    if named and "MaxResults" in request:
        raise InvalidParameterException(
            "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided."
        )
    following = None
    if not named:
        limit = request.get("MaxResults", _DEFAULT_BATCH)
        found, following = await asyncio.to_thread(read_list, request, limit, context)
        named = [entry.secret.arn for entry in found]
    values: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    for identifier in named:
        try:
            values.append(
                await context.invoke(
                    "secretsmanager",
                    "GetSecretValue",
                    {"SecretId": identifier},
                    principal=context.principal,
                    region=context.region,
                )
            )
        except ServiceError as error:
            errors.append(
                {"SecretId": identifier, "ErrorCode": error.code, "Message": error.message}
            )
    return {"SecretValues": values, "Errors": errors, "NextToken": following}


@operation("secretsmanager:UpdateSecretVersionStage")
def update_secret_version_stage(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Move a staging label between versions, attach it or take it off; AWSPREVIOUS follows AWSCURRENT.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        InvalidParameterException: no such version, or the label is elsewhere.
        InvalidRequestException: the secret is marked for deletion.
    """
    source, target = request.get("RemoveFromVersionId"), request.get("MoveToVersionId")
    check_text("VersionStage", request["VersionStage"])
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        secret = lookup.require_usable(connection, request["SecretId"], context)
        for version_id in (source, target):
            if version_id and rows.version(connection, secret.arn, version_id) is None:
                raise InvalidParameterException(f"Not a valid version: {version_id}")
        labels = rows.stages(connection, secret.arn)
        changed = staging_labels.moved(
            labels, request["VersionStage"], source=source, target=target
        )
        rows.put_stages(connection, secret.arn, changed)
        rows.change(connection, secret.arn, changed_us=now)
    return {"ARN": secret.arn, "Name": secret.name}


@operation("secretsmanager:ListSecretVersionIds")
def list_secret_version_ids(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List versions, the oldest first; those without labels only on request.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        InvalidNextTokenException: the token was not given out by this operation.
    """
    limit = request.get("MaxResults", _DEFAULT_PAGE)
    position = read_position(request, context)
    with context.platform.database.read() as connection:
        secret = lookup.require(connection, request["SecretId"], context)
        labels = staging_labels.by_version(rows.stages(connection, secret.arn))
        found = rows.versions(connection, secret.arn)
    if not request.get("IncludeDeprecated"):
        found = [version for version in found if version.id in labels]
    if position is not None:
        after = (int(position["created_us"]), str(position["id"]))
        found = [version for version in found if (version.created_us, version.id) > after]
    page, rest = found[:limit], found[limit:]
    following = {"created_us": page[-1].created_us, "id": page[-1].id} if rest else None
    return {
        "Versions": [
            {
                "VersionId": version.id,
                "VersionStages": labels.get(version.id),
                "LastAccessedDate": optional(version.accessed_us),
                "CreatedDate": from_us(version.created_us),
                "KmsKeyIds": [version.kms_key_id or _OWN_KEY],
            }
            for version in page
        ],
        "NextToken": write_position(following, context),
        "ARN": secret.arn,
        "Name": secret.name,
    }
