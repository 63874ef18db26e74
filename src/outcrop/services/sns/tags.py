"""Tags of topics."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.sns.errors import InvalidParameter, ResourceNotFound, TagLimitExceeded
from outcrop.storage import tags as repository
from outcrop.storage import topics

_MOST_TAGS = 50


@operation("sns:TagResource")
def tag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add tags to a topic, or give those it has new values.

    Raises:
        ResourceNotFound: there is no such topic.
        InvalidParameter: a key is there twice or reserved.
        TagLimitExceeded: it would carry more than 50.
    """
    arn, given = request["ResourceArn"], read_tags(request["Tags"])
    with context.platform.database.write(durable=True) as connection:
        _require(connection, arn)
        if len(repository.of(connection, arn).keys() | given.keys()) > _MOST_TAGS:
            raise TagLimitExceeded("Could not complete request: tag quota of per resource exceeded")
        repository.put(connection, arn, given)
    return {}


@operation("sns:UntagResource")
def untag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take tags off a topic; those that it does not have are no error.

    Raises:
        ResourceNotFound: there is no such topic.
    """
    with context.platform.database.write(durable=True) as connection:
        _require(connection, request["ResourceArn"])
        repository.drop(connection, request["ResourceArn"], request["TagKeys"])
    return {}


@operation("sns:ListTagsForResource")
def list_tags_for_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the tags of a topic, by key.

    Raises:
        ResourceNotFound: there is no such topic.
    """
    with context.platform.database.read() as connection:
        _require(connection, request["ResourceArn"])
        found = repository.of(connection, request["ResourceArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def read_tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the tags of a request by key.

    Raises:
        InvalidParameter: a key is there twice or reserved.
        TagLimitExceeded: more than 50.
    """
    found: dict[str, str] = {}
    for tag in tags:
        if tag["Key"] in found:
            raise InvalidParameter("Duplicated keys are not allowed.")
        if tag["Key"].lower().startswith("aws:"):
            raise InvalidParameter("Tag keys beginning with aws: are reserved.")
        found[tag["Key"]] = tag["Value"]
    if len(found) > _MOST_TAGS:
        raise TagLimitExceeded("Could not complete request: tag quota of per resource exceeded")
    return found


def _require(connection: Connection, arn: str) -> None:
    if topics.get(connection, arn) is None:
        raise ResourceNotFound("Resource does not exist")
