"""Tags of buses and rules."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import operation
from outcrop.services.events.errors import (
    LimitExceededException,
    ResourceNotFoundException,
    no_bus,
    no_rule,
)
from outcrop.services.events.identifiers import rule_place
from outcrop.services.platform import Context
from outcrop.storage import events as rows
from outcrop.storage import tags as repository
from outcrop.storage.events import DEFAULT_BUS

_MOST_TAGS = 50


@operation("events:TagResource")
def tag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add tags to a bus or rule, or give those it has new values.

    Raises:
        ResourceNotFoundException: no such bus or rule.
        ValidationException: a tag is reserved or there twice.
        LimitExceededException: it would carry more than 50.
    """
    arn, tags = request["ResourceARN"], read_tags(request["Tags"])
    with context.platform.database.write(durable=True) as connection:
        _require(connection, arn, context)
        if len(repository.of(connection, arn).keys() | tags.keys()) > _MOST_TAGS:
            raise LimitExceededException
        repository.put(connection, arn, tags)
    return {}


@operation("events:UntagResource")
def untag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take tags off a bus or rule; those that it does not have are no error.

    Raises:
        ResourceNotFoundException: no such bus or rule.
    """
    with context.platform.database.write(durable=True) as connection:
        _require(connection, request["ResourceARN"], context)
        repository.drop(connection, request["ResourceARN"], request["TagKeys"])
    return {}


@operation("events:ListTagsForResource")
def list_tags_for_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the tags of a bus or rule, by key.

    Raises:
        ResourceNotFoundException: no such bus or rule.
    """
    with context.platform.database.read() as connection:
        _require(connection, request["ResourceARN"], context)
        found = repository.of(connection, request["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def read_tags(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Return the tags of a request by key.

    Raises:
        ValidationException: a key is reserved or there twice.
    """
    found: dict[str, str] = {}
    for tag in tags or ():
        key = tag["Key"]
        if key.lower().startswith("aws:"):
            raise ValidationException("Tags beginning with aws: are reserved")
        if key in found:
            raise ValidationException(f"Duplicate tag key: {key}")
        found[key] = tag["Value"]
    return found


def _require(connection: Connection, arn: str, context: Context) -> None:
    parts = arn.split(":", 5)
    resource = parts[5] if len(parts) == 6 and parts[3] == context.region else ""
    if resource.startswith("rule/"):
        bus, name = rule_place(arn)
        if rows.rule(connection, context.region, bus, name) is None:
            raise no_rule(name, bus)
    elif resource.startswith("event-bus/"):
        name = resource.partition("/")[2]
        if name != DEFAULT_BUS and rows.bus(connection, context.region, name) is None:
            raise no_bus(name)
    else:
        raise ResourceNotFoundException(f"Resource {arn} does not exist.")
