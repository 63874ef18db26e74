"""Aliases: names that lead to one version, or to two by weight."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.core.times import from_us, now_us
from outcrop.services.platform import Context
from outcrop.services.stepfunctions import identifiers, lookup, pages
from outcrop.services.stepfunctions.errors import (
    ConflictException,
    ResourceNotFound,
    ServiceQuotaExceededException,
    ValidationException,
)
from outcrop.services.stepfunctions.identifiers import MachineArn
from outcrop.storage import state_machines as rows
from outcrop.storage.state_machines import AliasRow

_MOST_ALIASES = 100  # Developer guide, "Quotas": aliases of a state machine
_WHOLE = 100
_MISSING = "Request references a resource that does not exist."


@operation("stepfunctions:CreateStateMachineAlias")
def create_state_machine_alias(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make an alias; the same request again finds it.

    Raises:
        ValidationException: the routing does not name one or two versions of one machine with weights of 100 in sum.
        ResourceNotFound: there is no such version.
        StateMachineDeleting: the machine is being deleted.
        ConflictException: the alias is there with another description or routing.
        ServiceQuotaExceededException: the machine has a hundred aliases.
    """
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        machine_arn, routing = _read_routing(connection, request["routingConfiguration"])
        alias = AliasRow(
            machine_arn, request["name"], request.get("description"), routing, now, now
        )
        present = rows.alias(connection, machine_arn, alias.name)
        if present is not None:
            if (present.description, present.routing) != (alias.description, alias.routing):
                raise ConflictException(
                    "Failed to create alias because an alias with the same name and a different routing "
                    "configuration already exists."
                )
            alias = present
        else:
            if len(rows.aliases_of(connection, machine_arn)) >= _MOST_ALIASES:
                raise ServiceQuotaExceededException(
                    f"{machine_arn} has {_MOST_ALIASES} aliases, which is the most it can have: delete some."
                )
            rows.insert_alias(connection, alias)
    return {"stateMachineAliasArn": alias.arn, "creationDate": from_us(alias.created_us)}


@operation("stepfunctions:UpdateStateMachineAlias")
def update_state_machine_alias(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Change an alias's description or routing.

    Raises:
        ValidationException: nothing to change is named, or the routing is wrong.
        ResourceNotFound: there is no such alias or version.
        StateMachineDeleting: the machine is being deleted.
    """
    arn = _alias_arn(request["stateMachineAliasArn"])
    if "description" not in request and "routingConfiguration" not in request:
        raise ValidationException(
            "Either the description or the routing configuration must be specified"
        )
    now = now_us(context.platform.clock)
    changes: dict[str, Any] = {"updated_us": now}
    if "description" in request:
        changes["description"] = request["description"]
    with context.platform.database.write(durable=True) as connection:
        _require(connection, arn)
        if "routingConfiguration" in request:
            machine_arn, changes["routing_json"] = _read_routing(
                connection, request["routingConfiguration"]
            )
            if machine_arn != arn.base:
                raise ValidationException(
                    f"Routing configuration must contain versions of {arn.base}. Received: [{machine_arn}]"
                )
        rows.change_alias(connection, arn.base, arn.qualifier, **changes)
    return {"updateDate": from_us(now)}


@operation("stepfunctions:DescribeStateMachineAlias")
def describe_state_machine_alias(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return an alias.

    Raises:
        ResourceNotFound: there is no such alias.
    """
    arn = _alias_arn(request["stateMachineAliasArn"])
    with context.platform.database.read() as connection:
        alias = _require(connection, arn)
    return {
        "stateMachineAliasArn": alias.arn,
        "name": alias.name,
        "description": alias.description,
        "routingConfiguration": [
            {"stateMachineVersionArn": f"{alias.machine_arn}:{number}", "weight": weight}
            for number, weight in alias.routing
        ],
        "creationDate": from_us(alias.created_us),
        "updateDate": from_us(alias.updated_us),
    }


@operation("stepfunctions:ListStateMachineAliases")
def list_state_machine_aliases(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the aliases of a machine by name, or those that lead to one of its versions.

    Raises:
        InvalidArn: not the ARN of a machine or version.
        InvalidToken: the token was not given out by this operation for this machine.
        StateMachineDoesNotExist: no such machine or version.
        StateMachineDeleting: the machine is being deleted.
    """
    limit = pages.limit_of(request)
    position = pages.read_position(request, request["stateMachineArn"], context)
    with context.platform.database.read() as connection:
        named = lookup.named(connection, request["stateMachineArn"])
        lookup.refuse_deleting(named.machine)
        found = rows.aliases_of(connection, named.machine.arn)
    version = named.arn.version
    if version is not None:
        found = [item for item in found if any(number == version for number, _ in item.routing)]
    found = [item for item in found if item.name > position.get("name", "")]
    answer: dict[str, Any] = {
        "stateMachineAliases": [
            {"stateMachineAliasArn": item.arn, "creationDate": from_us(item.created_us)}
            for item in found[:limit]
        ]
    }
    if len(found) > limit:
        last = {"name": found[limit - 1].name}
        answer["nextToken"] = pages.write_position(last, named.arn.text, context)
    return answer


@operation("stepfunctions:DeleteStateMachineAlias")
def delete_state_machine_alias(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Delete an alias; one that is gone is no error.

    Raises:
        InvalidArn: not the ARN of an alias.
        ValidationException: the machine itself or a version is named.
    """
    arn = _alias_arn(request["stateMachineAliasArn"])
    with context.platform.database.write(durable=True) as connection:
        rows.remove_alias(connection, arn.base, arn.qualifier)
    return {}


def _alias_arn(text: str) -> MachineArn:
    arn = identifiers.machine(text)
    if not arn.qualifier or arn.version is not None:
        raise ValidationException(
            f"{text} is not the ARN of an alias: it must end in a colon and the alias's name."
        )
    return arn


def _require(connection: Connection, arn: MachineArn) -> AliasRow:
    machine = rows.get(connection, arn.base)
    found = None if machine is None else rows.alias(connection, arn.base, arn.qualifier)
    if machine is None or found is None:
        raise ResourceNotFound(_MISSING, resourceName=arn.text)
    lookup.refuse_deleting(machine)
    return found


def _read_routing(connection: Connection, given: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return (ARN of the machine, routing as rows keep it)."""
    texts = [item["stateMachineVersionArn"] for item in given]
    received = f"Received: [{', '.join(texts)}]"
    arns = [identifiers.machine(text) for text in texts]
    numbers = [arn.version for arn in arns]
    if any(number is None for number in numbers):
        raise ValidationException(
            f"Routing configuration must contain state machine version ARNs. {received}"
        )
    if len(set(texts)) < len(texts):
        raise ValidationException(
            f"Routing configuration must contain distinct state machine version ARNs. {received}"
        )
    if len({arn.base for arn in arns}) > 1:
        raise ValidationException(
            f"Routing configuration must contain versions of one state machine. {received}"
        )
    weights = [item["weight"] for item in given]
    if sum(weights) != _WHOLE:
        raise ValidationException(
            f"Sum of routing configuration weights must equal {_WHOLE}. Received: {weights}"
        )
    machine = rows.get(connection, arns[0].base)
    for arn, number in zip(arns, numbers, strict=True):
        assert number is not None
        if machine is None or rows.version(connection, arn.base, number) is None:
            raise ResourceNotFound(_MISSING, resourceName=arn.text)
    assert machine is not None
    lookup.refuse_deleting(machine)
    return machine.arn, json.dumps(list(zip(numbers, weights, strict=True)))
