"""Tags of machines and activities: TagResource, UntagResource, ListTagsForResource, and those that Create carries."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.stepfunctions import identifiers
from outcrop.services.stepfunctions.errors import (
    ResourceNotFound,
    TooManyTags,
    ValidationException,
)
from outcrop.storage import activities, state_machines
from outcrop.storage import tags as tag_rows

_MOST_TAGS = 50
_RESERVED_PREFIX = "aws:"


@operation("stepfunctions:TagResource")
def tag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add tags to a machine or an activity, or give those it has new values.

    Raises:
        InvalidArn: not the ARN of a machine or an activity.
        ResourceNotFound: no such machine or activity; versions and aliases carry no tags.
        TooManyTags: it would carry more than 50.
    """
    arn = request["resourceArn"]
    with context.platform.database.write(durable=True) as connection:
        _require(connection, arn)
        given = read(request["tags"], arn)
        _check_count(tag_rows.of(connection, arn).keys() | given.keys(), arn)
        tag_rows.put(connection, arn, given)
    return {}


@operation("stepfunctions:UntagResource")
def untag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take tags off a machine or an activity; keys that it does not have are no error.

    Raises:
        InvalidArn: not the ARN of a machine or an activity.
        ResourceNotFound: no such machine or activity.
    """
    arn = request["resourceArn"]
    with context.platform.database.write(durable=True) as connection:
        _require(connection, arn)
        tag_rows.drop(connection, arn, request["tagKeys"])
    return {}


@operation("stepfunctions:ListTagsForResource")
def list_tags_for_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the tags of a machine or an activity.

    Raises:
        InvalidArn: not the ARN of a machine or an activity.
        ResourceNotFound: no such machine or activity.
    """
    arn = request["resourceArn"]
    with context.platform.database.read() as connection:
        _require(connection, arn)
        found = tag_rows.of(connection, arn)
    return {"tags": [{"key": key, "value": value} for key, value in found.items()]}


def read(given: Iterable[Mapping[str, str]] | None, resource: str) -> dict[str, str]:
    """Return the tags of a request by key.

    Args:
        resource: what they are for, as the error names it.

    Raises:
        ValidationException: a key is missing or reserved.
        TooManyTags: there are more than 50.
    """
    found: dict[str, str] = {}
    for tag in given or ():
        key = tag.get("key", "")
        if not key:
            raise ValidationException("A tag has no key: give each tag one.")
        if key.lower().startswith(_RESERVED_PREFIX):
            raise ValidationException(
                f"The tag key {key} begins with aws:, which is reserved for AWS use."
            )
        found[key] = tag.get("value", "")
    _check_count(found, resource)
    return found


def _check_count(keys: Iterable[str], resource: str) -> None:
    count = len(list(keys))
    if count > _MOST_TAGS:
        raise TooManyTags(
            f"{resource} would have {count} tags: a resource can have {_MOST_TAGS}.",
            resourceName=resource,
        )


def _require(connection: Connection, arn: str) -> None:
    kind, _ = identifiers.parse(arn, identifiers.MACHINE, identifiers.ACTIVITY)
    if kind == identifiers.MACHINE:
        is_there = state_machines.status_of(connection, arn) is not None
    else:
        is_there = activities.get(connection, arn) is not None
    if not is_there:
        raise ResourceNotFound(f"Resource not found: '{arn}'", resourceName=arn)
