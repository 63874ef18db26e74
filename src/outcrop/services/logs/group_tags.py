"""Tags of log groups, under the names of today (TagResource) and of before (TagLogGroup)."""

from collections.abc import Iterable, Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.logs.errors import InvalidParameterException, TooManyTagsException
from outcrop.services.logs.naming import group_arn, name_of, require_group
from outcrop.services.platform import Context
from outcrop.storage import tags as tag_rows

_MOST_TAGS = 50
_RESERVED = "aws:"


@operation("logs:TagResource")
def tag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add tags to a group, or give those it has new values.

    Raises:
        ResourceNotFoundException: no such group.
        TooManyTagsException: it would carry more than 50.
    """
    _put(name_of(request["resourceArn"]), request["tags"], context)
    return {}


@operation("logs:TagLogGroup")
def tag_log_group(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add tags to a group that is given by name.

    Raises:
        ResourceNotFoundException: no such group.
    """
    _put(request["logGroupName"], request["tags"], context)
    return {}


@operation("logs:UntagResource")
def untag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take tags off a group; keys that it does not have are no error.

    Raises:
        ResourceNotFoundException: no such group.
    """
    _drop(name_of(request["resourceArn"]), request["tagKeys"], context)
    return {}


@operation("logs:UntagLogGroup")
def untag_log_group(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take tags off a group that is given by name.

    Raises:
        ResourceNotFoundException: no such group.
    """
    _drop(request["logGroupName"], request["tags"], context)
    return {}


@operation("logs:ListTagsForResource")
def list_tags_for_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a group's tags.

    Raises:
        ResourceNotFoundException: no such group.
    """
    return _tags(name_of(request["resourceArn"]), context)


@operation("logs:ListTagsLogGroup")
def list_tags_log_group(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the tags of a group that is given by name.

    Raises:
        ResourceNotFoundException: no such group.
    """
    return _tags(request["logGroupName"], context)


def read_tags(tags: Mapping[str, str] | None) -> dict[str, str]:
    """Return the tags of a request.

    Raises:
        InvalidParameterException: a key is reserved.
        TooManyTagsException: there are more than 50.
    """
    found = dict(tags or {})
    for key in found:
        if key.lower().startswith(_RESERVED):
            raise InvalidParameterException(
                f"The tag key {key} begins with aws:, which is reserved for AWS use."
            )
    _check_count(found)
    return found


def _tags(name: str, context: Context) -> dict[str, Any]:
    reader = context.platform.database.reader
    group = require_group(reader, name, context)
    return {"tags": tag_rows.of(reader, group_arn(context.region, context.account_id, group.name))}


def _put(name: str, given: Mapping[str, str], context: Context) -> None:
    tags = read_tags(given)
    arn = group_arn(context.region, context.account_id, name)
    with context.platform.database.write(durable=True) as connection:
        require_group(connection, name, context)
        _check_count({**tag_rows.of(connection, arn), **tags})
        tag_rows.put(connection, arn, tags)


def _drop(name: str, keys: Iterable[str], context: Context) -> None:
    with context.platform.database.write(durable=True) as connection:
        require_group(connection, name, context)
        tag_rows.drop(connection, group_arn(context.region, context.account_id, name), keys)


def _check_count(tags: Mapping[str, str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise TooManyTagsException(
            f"The log group would have {len(tags)} tags: it can have {_MOST_TAGS}."
        )
