"""Names and ARNs of groups and streams, and finding what a request names."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.errors import ValidationException
from outcrop.services.logs.errors import InvalidParameterException, ResourceNotFoundException
from outcrop.services.platform import Context
from outcrop.storage.logs import GroupRow, StreamRow, rows

_GROUP = ":log-group:"
_EVERYTHING = ":*"


def group_arn(region: str, account_id: str, name: str) -> str:
    """Return a group's ARN, without the ":*" that stands for its streams."""
    return f"arn:aws:logs:{region}:{account_id}:log-group:{name}"


def name_of(identifier: str) -> str:
    """Return the name of a group that is given by name or ARN."""
    if identifier.startswith("arn:") and _GROUP in identifier:
        name = identifier.partition(_GROUP)[2]
        return name.partition(":")[0]
    return identifier


def group_name(request: Mapping[str, Any]) -> str:
    """Return the name of the group that a request is about.

    Raises:
        ValidationException: it is named in two ways.
        InvalidParameterException: it is not named.
    """
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if name and identifier:
        raise ValidationException(
            "LogGroup name and LogGroup ARN are mutually exclusive parameters."
        )
    if not name and not identifier:
        raise InvalidParameterException("Either LogGroup name or LogGroup ARN must be specified.")
    if identifier and identifier.endswith(_EVERYTHING):
        raise InvalidParameterException(
            "The ARN of a log group must not end with :* in this parameter."
        )
    return str(name or name_of(str(identifier)))


def require_group(connection: Connection, name: str, context: Context) -> GroupRow:
    """Return the group of a name.

    Raises:
        ResourceNotFoundException: there is none in the region.
    """
    group = rows.find_group(connection, context.region, name)
    if group is None:
        raise ResourceNotFoundException("The specified log group does not exist.")
    return group


def require_stream(connection: Connection, group: GroupRow, name: str) -> StreamRow:
    """Return a stream of a group.

    Raises:
        ResourceNotFoundException: there is none of this name.
    """
    stream = rows.find_stream(connection, group.id, name)
    if stream is None:
        raise ResourceNotFoundException("The specified log stream does not exist.")
    return stream
