"""Tags of functions."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.services.lambda_.errors import InvalidParameterValueException
from outcrop.services.lambda_.identifiers import Reference, find_function, read_name
from outcrop.services.platform import Context
from outcrop.storage import tags as tag_rows

_MOST_TAGS = 50


@operation("lambda:TagResource")
def tag_resource(request: Mapping[str, Any], context: Context) -> None:
    """Add tags to a function, or give those it has new values.

    Raises:
        ResourceNotFoundException: no such function.
        InvalidParameterValueException: there are none, too many, or a version is named.
    """
    tags = checked_tags(request["Tags"])
    if not tags:
        raise InvalidParameterValueException(
            "An error occurred and the request cannot be processed."
        )
    reference = _resource(request, context)
    with context.platform.database.write(durable=True) as connection:
        arn = find_function(connection, reference).arn
        _check_number(connection, arn, tags)
        tag_rows.put(connection, arn, tags)


@operation("lambda:UntagResource")
def untag_resource(request: Mapping[str, Any], context: Context) -> None:
    """Take tags off a function; those that it does not have are no error.

    Raises:
        ResourceNotFoundException: no such function.
        InvalidParameterValueException: a version is named.
    """
    reference = _resource(request, context)
    with context.platform.database.write(durable=True) as connection:
        arn = find_function(connection, reference).arn
        tag_rows.drop(connection, arn, request["TagKeys"])


@operation("lambda:ListTags")
def list_tags(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the tags of a function.

    Raises:
        ResourceNotFoundException: no such function.
        InvalidParameterValueException: a version is named.
    """
    reference = _resource(request, context)
    connection = context.platform.database.reader
    return {"Tags": tag_rows.of(connection, find_function(connection, reference).arn)}


def checked_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return tags that a function may have.

    Raises:
        InvalidParameterValueException: there are too many, or a key is AWS's own.
    """
    if len(tags) > _MOST_TAGS:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise InvalidParameterValueException(
            "aws: prefixed tag key names are not allowed for external use."
        )
    return tags


def _check_number(connection: Connection, arn: str, added: Mapping[str, str]) -> None:
    if len(tag_rows.of(connection, arn).keys() | added.keys()) > _MOST_TAGS:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")


def _resource(request: Mapping[str, Any], context: Context) -> Reference:
    reference = read_name(request["Resource"], "", context)
    if reference.qualifier:
        raise InvalidParameterValueException(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return reference
