"""Log groups: made, listed, kept for so many days, removed."""

import asyncio
import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import operation
from outcrop.services.logs import encryption, pages
from outcrop.services.logs.errors import (
    InvalidParameterException,
    ResourceAlreadyExistsException,
)
from outcrop.services.logs.group_tags import read_tags
from outcrop.services.logs.naming import group_arn, name_of, require_group
from outcrop.services.platform import Context
from outcrop.storage import tags as tag_rows
from outcrop.storage.logs import GroupRow, rows

# Source: API reference of PutRetentionPolicy.
RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096),
    *(1827, 2192, 2557, 2922, 3288, 3653),
)
_LONGEST_NAME = 512
_DEFAULT_PAGE = 50


@operation("logs:CreateLogGroup")
async def create_log_group(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a group, optionally under a KMS key.

    Raises:
        ResourceAlreadyExistsException: the region has one of this name.
        InvalidParameterException: name, tags or key will not do.
    """
    name = request["logGroupName"]
    if len(name) > _LONGEST_NAME:
        raise InvalidParameterException(
            "Invalid LogGroup or LogStream, both must have length less than or equal to 512."
        )
    tags = read_tags(request.get("tags"))
    store = context.platform.logs
    row = store.new_group(context.region, name, request.get("logGroupClass", rows.STANDARD))
    row = dataclasses.replace(row, is_protected=bool(request.get("deletionProtectionEnabled")))
    if request.get("kmsKeyId"):
        wrapped, key_arn = await encryption.make_key(name, request["kmsKeyId"], context)
        row = dataclasses.replace(row, wrapped_key=wrapped, kms_key_arn=key_arn)
    await asyncio.to_thread(_insert, row, tags, context)
    return {}


def _insert(row: GroupRow, tags: Mapping[str, str], context: Context) -> None:
    try:
        with context.platform.database.write(durable=True) as connection:
            rows.insert_group(connection, row)
            arn = group_arn(context.region, context.account_id, row.name)
            tag_rows.put(connection, arn, tags)
    except IntegrityError:
        raise ResourceAlreadyExistsException("The specified log group already exists") from None


@operation("logs:DeleteLogGroup")
async def delete_log_group(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Remove a group with everything in it.

    Raises:
        ResourceNotFoundException: there is none of this name.
        ValidationException: it is protected from deletion.
    """
    await settled(context)
    await asyncio.to_thread(_delete, request["logGroupName"], context)
    return {}


def _delete(name: str, context: Context) -> None:
    platform = context.platform
    with platform.database.write(durable=True) as connection:
        group = require_group(connection, name, context)
        if group.is_protected:
            raise ValidationException(
                "The log group has deletion protection enabled. Turn it off before you delete the log group."
            )
        rows.delete_group(
            connection, group, group_arn(context.region, context.account_id, group.name)
        )
    platform.logs.remove_group_files(group.id)


@operation("logs:DescribeLogGroups")
async def describe_log_groups(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a page of groups, by name.

    Raises:
        InvalidParameterException: prefix and pattern together, or a token of another listing.
        ResourceNotFoundException: an identifier names no group.
    """
    prefix, pattern = request.get("logGroupNamePrefix"), request.get("logGroupNamePattern")
    if prefix and pattern:
        raise InvalidParameterException(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    await settled(context)
    reader = context.platform.database.reader
    after = str(pages.state_of(request, context).get("after", ""))
    identifiers = request.get("logGroupIdentifiers")
    if identifiers:
        found = [require_group(reader, name_of(item), context) for item in identifiers]
        found = [group for group in sorted(found, key=lambda item: item.name) if group.name > after]
    else:
        found = rows.groups(reader, context.region, after)
    wanted_class = request.get("logGroupClass")
    found = [
        group
        for group in found
        if (not prefix or group.name.startswith(prefix))
        # A pattern is any part of the name, in any case of letters.
        and (not pattern or pattern.lower() in group.name.lower())
        and (not wanted_class or group.group_class == wanted_class)
    ]
    limit = request.get("limit", _DEFAULT_PAGE)
    sizes = rows.group_sizes(reader, context.region)
    filters = rows.metric_filter_counts(reader)
    response: dict[str, Any] = {
        "logGroups": [
            _described(group, sizes.get(group.id, 0), filters.get(group.id, 0), context)
            for group in found[:limit]
        ]
    }
    if len(found) > limit:
        response["nextToken"] = pages.token_for({"after": found[limit - 1].name}, context)
    return response


@operation("logs:ListLogGroups")
async def list_log_groups(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a page of groups in short: those whose names match a pattern of alternatives.

    Raises:
        InvalidParameterException: a token of another listing.
    """
    await settled(context)
    after = str(pages.state_of(request, context).get("after", ""))
    found = rows.groups(context.platform.database.reader, context.region, after)
    if pattern := request.get("logGroupNamePattern"):
        # The model lets nothing in but alternatives of plain names, "^" before those that begin a name.
        parts = [re.escape(part).replace("\\^", "^", 1) for part in pattern.split("|")]
        expression = re.compile("|".join(parts))
        found = [group for group in found if expression.search(group.name)]
    if wanted := request.get("logGroupClass"):
        found = [group for group in found if group.group_class == wanted]
    limit = request.get("limit", _DEFAULT_PAGE)
    response: dict[str, Any] = {
        "logGroups": [
            {
                "logGroupName": group.name,
                "logGroupArn": group_arn(context.region, context.account_id, group.name),
                "logGroupClass": group.group_class,
            }
            for group in found[:limit]
        ]
    }
    if len(found) > limit:
        response["nextToken"] = pages.token_for({"after": found[limit - 1].name}, context)
    return response


@operation("logs:PutRetentionPolicy")
async def put_retention_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Have a group's events go after so many days.

    Raises:
        InvalidParameterException: the number of days is not one that can be chosen.
        ResourceNotFoundException: no such group.
    """
    days = request["retentionInDays"]
    if days not in RETENTIONS:
        choice = ", ".join(str(item) for item in RETENTIONS)
        raise InvalidParameterException(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{choice}]"
        )
    await _change(request, context, retention_days=days)
    context.platform.logs.expect_expiry()
    return {}


@operation("logs:DeleteRetentionPolicy")
async def delete_retention_policy(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Keep a group's events for ever.

    Raises:
        ResourceNotFoundException: no such group.
    """
    await _change(request, context, retention_days=None)
    return {}


@operation("logs:PutLogGroupDeletionProtection")
async def put_log_group_deletion_protection(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Protect a group from deletion, or no longer.

    Raises:
        ResourceNotFoundException: no such group.
    """
    named = {"logGroupName": name_of(request["logGroupIdentifier"])}
    await _change(named, context, is_protected=request["deletionProtectionEnabled"])
    return {}


@operation("logs:AssociateKmsKey")
async def associate_kms_key(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Put what comes in from now on under a KMS key; what is there stays under the key it has.

    Raises:
        InvalidParameterException: the key cannot be used, or no group is named.
        ResourceNotFoundException: no such group.
    """
    name = _named(request)
    require_group(context.platform.database.reader, name, context)
    wrapped, key_arn = await encryption.make_key(name, request["kmsKeyId"], context)
    await asyncio.to_thread(_change_key, name, wrapped, key_arn, context)
    return {}


@operation("logs:DisassociateKmsKey")
async def disassociate_kms_key(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Put what comes in from now on under the service's own key.

    Raises:
        ResourceNotFoundException: no such group.
    """
    name = _named(request)
    group = require_group(context.platform.database.reader, name, context)
    if group.kms_key_arn is not None:
        wrapped = context.platform.logs.own_key(group.id).wrapped
        await asyncio.to_thread(_change_key, name, wrapped, None, context)
    return {}


def _named(request: Mapping[str, Any]) -> str:
    name = request.get("logGroupName")
    identifier = request.get("resourceIdentifier", "")
    if name and identifier:
        raise InvalidParameterException(
            "LogGroup name and resource identifier are mutually exclusive parameters."
        )
    if not name and ":log-group:" not in identifier:
        raise InvalidParameterException(
            "Name a log group: by logGroupName, or by its ARN as resourceIdentifier."
        )
    return str(name or name_of(identifier))


def _change_key(name: str, wrapped: bytes, key_arn: str | None, context: Context) -> None:
    context.platform.logs.settle()
    with context.platform.database.write(durable=True) as connection:
        group = require_group(connection, name, context)
        rows.change_key(connection, group, wrapped, key_arn)


async def _change(request: Mapping[str, Any], context: Context, **values: object) -> None:
    def write() -> None:
        with context.platform.database.write(durable=True) as connection:
            group = require_group(connection, request["logGroupName"], context)
            rows.update_group(connection, group.id, **values)

    await settled(context)
    await asyncio.to_thread(write)


async def settled(context: Context) -> None:
    """Return when everything that was given to the log store can be found.

    Never to be done in the writer's thread: settling may have to ask KMS for a key, which answers in that thread.
    """
    if not context.platform.logs.is_settled:
        await asyncio.to_thread(context.platform.logs.settle)


def _described(group: GroupRow, size: int, filters: int, context: Context) -> dict[str, Any]:
    arn = group_arn(context.region, context.account_id, group.name)
    described: dict[str, Any] = {
        "logGroupName": group.name,
        "creationTime": group.created_us // 1000,
        "metricFilterCount": filters,
        "arn": f"{arn}:*",
        "storedBytes": size,
        "logGroupClass": group.group_class,
        "logGroupArn": arn,
        "deletionProtectionEnabled": group.is_protected,
    }
    if group.retention_days is not None:
        described["retentionInDays"] = group.retention_days
    if group.kms_key_arn is not None:
        described["kmsKeyId"] = group.kms_key_arn
    return described
