"""Tags of identities and configuration sets."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.sesv2.errors import BadRequestException, NotFoundException
from outcrop.storage import mail
from outcrop.storage import tags as repository

_MOST_TAGS = 50


@operation("sesv2:TagResource")
def tag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add tags to a resource, or give those it has new values.

    Raises:
        NotFoundException: no such resource.
        BadRequestException: a key is reserved or there twice, or there would be too many.
    """
    arn, given = request["ResourceArn"], read_tags(request["Tags"])
    with context.platform.database.write(durable=True) as connection:
        _require(connection, arn)
        if len(repository.of(connection, arn).keys() | given.keys()) > _MOST_TAGS:
            raise BadRequestException(f"A resource can have {_MOST_TAGS} tags.")
        repository.put(connection, arn, given)
    return {}


@operation("sesv2:UntagResource")
def untag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take tags off a resource; those that it does not have are no error.

    Raises:
        NotFoundException: no such resource.
    """
    with context.platform.database.write(durable=True) as connection:
        _require(connection, request["ResourceArn"])
        repository.drop(connection, request["ResourceArn"], request["TagKeys"])
    return {}


@operation("sesv2:ListTagsForResource")
def list_tags_for_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the tags of a resource, by key.

    Raises:
        NotFoundException: no such resource.
    """
    with context.platform.database.read() as connection:
        _require(connection, request["ResourceArn"])
        found = repository.of(connection, request["ResourceArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def read_tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the tags of a request by key.

    Raises:
        BadRequestException: a key is reserved or there twice, or there are too many.
    """
    found: dict[str, str] = {}
    for tag in tags:
        if tag["Key"].lower().startswith("aws:"):
            raise BadRequestException("Tag keys beginning with aws: are reserved.")
        if tag["Key"] in found:
            raise BadRequestException(f"Duplicate tag key: {tag['Key']}")
        found[tag["Key"]] = tag["Value"]
    if len(found) > _MOST_TAGS:
        raise BadRequestException(f"A resource can have {_MOST_TAGS} tags.")
    return found


def _require(connection: Connection, arn: str) -> None:
    parts = arn.split(":", 5)
    kind, _, name = parts[-1].partition("/")
    found: object = None
    if len(parts) == 6 and parts[2] == "ses":
        if kind == "identity":
            found = mail.identity(connection, parts[3], name)
        elif kind == "configuration-set":
            found = mail.configuration_set(connection, parts[3], name)
        elif kind == "template":
            found = mail.template(connection, parts[3], name)
    if found is None:
        raise NotFoundException(f"Resource {arn} was not found.")
