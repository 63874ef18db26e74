"""Event buses, and who else may put events on them."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.errors import OperationNotBuilt, ValidationException
from outcrop.aws.operation import operation
from outcrop.core.errors import PolicyError
from outcrop.core.times import from_us, now_us
from outcrop.identity.policy import PolicyKind, cached_policy
from outcrop.services.events import tags
from outcrop.services.events.errors import (
    LimitExceededException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
    no_bus,
)
from outcrop.services.events.identifiers import bus_arn, bus_name
from outcrop.services.events.pages import page
from outcrop.services.platform import Context
from outcrop.storage import events as rows
from outcrop.storage import tags as tag_rows
from outcrop.storage.events import DEFAULT_BUS, BusRow

_MOST_BUSES = 100
# What would be stored and then not be done.
_NOT_BUILT = ("DeadLetterConfig", "KmsKeyIdentifier", "EventSourceName")


@operation("events:CreateEventBus")
def create_event_bus(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a bus.

    Raises:
        ResourceAlreadyExistsException: there is one of this name.
        ValidationException: the name is none that a bus of one's own can have.
        LimitExceededException: there are 100 already.
    """
    name = request["Name"]
    _refuse_unbuilt(request)
    if "/" in name or name == DEFAULT_BUS:
        raise ValidationException(f"Event bus name {name} is not valid.")
    now = now_us(context.platform.clock)
    new_tags = tags.read_tags(request.get("Tags"))
    arn = bus_arn(context.region, context.account_id, name)
    with context.platform.database.write(durable=True) as connection:
        if rows.bus(connection, context.region, name) is not None:
            raise ResourceAlreadyExistsException(f"Event bus {name} already exists.")
        if len(rows.buses(connection, context.region)) >= _MOST_BUSES:
            raise LimitExceededException
        description = request.get("Description", "")
        rows.put_bus(connection, BusRow(context.region, name, description, "", now, now))
        tag_rows.put(connection, arn, new_tags)
    answer: dict[str, Any] = {"EventBusArn": arn}
    if description:
        answer["Description"] = description
    return answer


@operation("events:UpdateEventBus")
def update_event_bus(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Change a bus's description.

    Raises:
        ResourceNotFoundException: no such bus.
    """
    _refuse_unbuilt(request)
    name = bus_name(request.get("Name"))
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        row = require(connection, name, context)
        description = request.get("Description", row.description)
        rows.put_bus(
            connection, BusRow(row.region, name, description, row.policy, row.created_us, now)
        )
    return {
        "Arn": bus_arn(context.region, context.account_id, name),
        "Name": name,
        "Description": description,
    }


@operation("events:DeleteEventBus")
def delete_event_bus(request: Mapping[str, Any], context: Context) -> None:
    """Delete a bus that has no rules; it is no error if there is none.

    Raises:
        ValidationException: it is the default bus, or has rules.
    """
    name = bus_name(request["Name"])
    if name == DEFAULT_BUS:
        raise ValidationException("Cannot delete event bus default.")
    with context.platform.database.write(durable=True) as connection:
        if rows.rules(connection, context.region, name):
            raise ValidationException("Event bus can't be deleted since it has rules.")
        rows.remove_bus(connection, context.region, name)
        tag_rows.drop_all(connection, bus_arn(context.region, context.account_id, name))
    context.platform.events.forget_rules(context.region, name)


@operation("events:DescribeEventBus")
def describe_event_bus(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Describe a bus; the default one where none is named.

    Raises:
        ResourceNotFoundException: no such bus.
    """
    name = bus_name(request.get("Name"))
    with context.platform.database.read() as connection:
        return _described(require(connection, name, context), context)


@operation("events:ListEventBuses")
def list_event_buses(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the buses of the region, by name.

    Raises:
        ValidationException: the token is none that this operation returned.
    """
    prefix = request.get("NamePrefix", "")
    with context.platform.database.read() as connection:
        found = rows.buses(connection, context.region, prefix)
    if DEFAULT_BUS.startswith(prefix) and all(row.name != DEFAULT_BUS for row in found):
        found.append(_default(context))
    found.sort(key=lambda row: row.name)
    return page("EventBuses", [_described(row, context) for row in found], request, context)


@operation("events:PutPermission")
def put_permission(request: Mapping[str, Any], context: Context) -> None:
    """Give a bus a policy, or add a statement that lets another account put events.

    Raises:
        ResourceNotFoundException: no such bus.
        ValidationException: neither a policy nor a whole statement is given, or it is none.
    """
    name = bus_name(request.get("EventBusName"))
    now = now_us(context.platform.clock)
    arn = bus_arn(context.region, context.account_id, name)
    with context.platform.database.write(durable=True) as connection:
        row = require(connection, name, context)
        if given := request.get("Policy"):
            policy = given
        else:
            policy = _with_statement(row.policy, _statement(request, arn))
        try:
            cached_policy(policy, PolicyKind.RESOURCE)
        except PolicyError as error:
            raise ValidationException(f"Parameter Policy is not valid. {error}") from error
        rows.put_bus(
            connection, BusRow(row.region, name, row.description, policy, row.created_us, now)
        )


@operation("events:RemovePermission")
def remove_permission(request: Mapping[str, Any], context: Context) -> None:
    """Take a statement, or all of them, from a bus's policy.

    Raises:
        ResourceNotFoundException: no such bus, or no such statement.
    """
    name = bus_name(request.get("EventBusName"))
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        row = require(connection, name, context)
        policy = "" if request.get("RemoveAllPermissions") else _without(row.policy, request)
        rows.put_bus(
            connection, BusRow(row.region, name, row.description, policy, row.created_us, now)
        )


def require(connection: Connection, name: str, context: Context) -> BusRow:
    """Return a bus.

    Raises:
        ResourceNotFoundException: no such bus.
    """
    row = rows.bus(connection, context.region, name)
    if row is not None:
        return row
    if name == DEFAULT_BUS:
        return _default(context)
    raise no_bus(name)


def _default(context: Context) -> BusRow:
    return BusRow(context.region, DEFAULT_BUS, "", "", 0, 0)


def _described(row: BusRow, context: Context) -> dict[str, Any]:
    return {
        "Arn": bus_arn(context.region, context.account_id, row.name),
        "Name": row.name,
        "Description": row.description or None,
        "Policy": row.policy or None,
        "CreationTime": from_us(row.created_us) if row.created_us else None,
        "LastModifiedTime": from_us(row.modified_us) if row.modified_us else None,
    }


def _refuse_unbuilt(request: Mapping[str, Any]) -> None:
    for member in _NOT_BUILT:
        if request.get(member):
            raise OperationNotBuilt(f"{member} of event buses is not built here: leave it out.")


def _statement(request: Mapping[str, Any], arn: str) -> dict[str, Any]:
    for member in ("Action", "Principal", "StatementId"):
        if not request.get(member):
            raise ValidationException(
                f"Parameter {member} is not valid. Reason: {member} is a required argument."
            )
    if request["Action"] != "events:PutEvents":
        raise ValidationException("Provided value in parameter 'action' is not supported.")
    principal = request["Principal"]
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": request["Action"],
        "Resource": arn,
    }
    if condition := request.get("Condition"):
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return statement


def _with_statement(policy: str, statement: dict[str, Any]) -> str:
    document: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
    if policy:
        document = json.loads(policy)
    kept = [item for item in document["Statement"] if item.get("Sid") != statement["Sid"]]
    document["Statement"] = [*kept, statement]
    return json.dumps(document, separators=(",", ":"))


def _without(policy: str, request: Mapping[str, Any]) -> str:
    if not policy:
        raise ResourceNotFoundException("EventBus does not have a policy.")
    document = json.loads(policy)
    statements = document["Statement"]
    kept = [item for item in statements if item.get("Sid") != request.get("StatementId")]
    if len(kept) == len(statements):
        raise ResourceNotFoundException("Statement with the provided id does not exist.")
    if not kept:
        return ""
    return json.dumps({**document, "Statement": kept}, separators=(",", ":"))
