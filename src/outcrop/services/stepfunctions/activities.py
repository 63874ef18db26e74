"""Activities: CreateActivity, DescribeActivity, ListActivities, DeleteActivity, and GetActivityTask for workers."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.core.times import from_us, now_us
from outcrop.services.platform import Context
from outcrop.services.stepfunctions import encryption, identifiers, pages, tags
from outcrop.services.stepfunctions.errors import (
    ActivityAlreadyExists,
    ActivityDoesNotExist,
    ActivityLimitExceeded,
)
from outcrop.storage import activities as rows
from outcrop.storage import tags as tag_rows
from outcrop.storage.activities import ActivityRow

_MOST_ACTIVITIES = 10_000  # Developer guide, "Quotas": registered activities of an account
_POLL_SECONDS = 60.0  # API reference, GetActivityTask: how long a poll stays open


@operation("stepfunctions:CreateActivity")
async def create_activity(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make an activity; the same request again finds it, whatever its tags.

    Raises:
        InvalidName: the name has characters that names may not have.
        ActivityAlreadyExists: an activity of this name has another encryption configuration.
        ActivityLimitExceeded: the account has as many as it may.
        TooManyTags: more than 50.
        InvalidEncryptionConfiguration: the KMS key cannot be used.
    """
    name = request["name"]
    identifiers.check_name(name)
    carried = tags.read(request.get("tags"), name)
    encrypted = encryption.normalise(request.get("encryptionConfiguration"))
    await encryption.check_key(encrypted, context)
    activity = ActivityRow(
        arn=identifiers.activity_arn(context.region, context.account_id, name),
        region=context.region,
        name=name,
        encryption_json=json.dumps(encrypted),
        created_us=now_us(context.platform.clock),
    )
    return await asyncio.to_thread(_store, activity, carried, context)


def _store(activity: ActivityRow, carried: Mapping[str, str], context: Context) -> dict[str, Any]:
    with context.platform.database.write(durable=True) as connection:
        present = rows.get(connection, activity.arn)
        if present is None:
            if rows.count(connection, context.region) >= _MOST_ACTIVITIES:
                raise ActivityLimitExceeded(
                    f"Activity Limit Exceeded: the account has {_MOST_ACTIVITIES} in this region."
                )
            rows.insert(connection, activity)
            tag_rows.put(connection, activity.arn, carried)
            present = activity
        elif present.encryption != activity.encryption:
            raise ActivityAlreadyExists(f"Activity Already Exists: '{activity.arn}'")
    return {"activityArn": present.arn, "creationDate": from_us(present.created_us)}


@operation("stepfunctions:DescribeActivity")
def describe_activity(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return an activity.

    Raises:
        InvalidArn: no activity's ARN.
        ActivityDoesNotExist: no such activity.
    """
    activity = _require(request["activityArn"], context)
    return {
        "activityArn": activity.arn,
        "name": activity.name,
        "creationDate": from_us(activity.created_us),
        "encryptionConfiguration": activity.encryption,
    }


@operation("stepfunctions:ListActivities")
def list_activities(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List activities by name.

    Raises:
        InvalidToken: the token was not given out by this operation.
    """
    limit = pages.limit_of(request)
    position = pages.read_position(request, "", context)
    with context.platform.database.read() as connection:
        found = rows.page(
            connection, context.region, after=position.get("name", ""), limit=limit + 1
        )
    answer: dict[str, Any] = {
        "activities": [
            {
                "activityArn": item.arn,
                "name": item.name,
                "creationDate": from_us(item.created_us),
            }
            for item in found[:limit]
        ]
    }
    if len(found) > limit:
        answer["nextToken"] = pages.write_position({"name": found[limit - 1].name}, "", context)
    return answer


@operation("stepfunctions:DeleteActivity")
def delete_activity(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Delete an activity; one that is gone is no error.

    Raises:
        InvalidArn: no activity's ARN.
    """
    arn = request["activityArn"]
    identifiers.parse(arn, identifiers.ACTIVITY)
    with context.platform.database.write(durable=True) as connection:
        rows.remove(connection, arn)
    return {}


@operation("stepfunctions:GetActivityTask")
async def get_activity_task(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Give a worker the oldest waiting task of an activity; nothing after a minute without one.

    Raises:
        InvalidArn: no activity's ARN.
        ActivityDoesNotExist: no such activity.
    """
    activity = _require(request["activityArn"], context)
    task = await context.platform.executions.next_activity_task(
        activity.arn, request.get("workerName"), _POLL_SECONDS
    )
    if task is None:
        return {}
    token, text = task
    return {"taskToken": token, "input": text}


def _require(arn: str, context: Context) -> ActivityRow:
    identifiers.parse(arn, identifiers.ACTIVITY)
    with context.platform.database.read() as connection:
        found = rows.get(connection, arn)
    if found is None:
        raise ActivityDoesNotExist(f"Activity Does Not Exist: '{arn}'")
    return found
