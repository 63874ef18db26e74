"""Aliases: names for versions, which may share the calls between two of them."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import operation
from outcrop.services.lambda_ import descriptions, pages
from outcrop.services.lambda_.errors import (
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
)
from outcrop.services.lambda_.identifiers import (
    Reference,
    find_function,
    no_alias,
    not_found,
    read,
)
from outcrop.services.platform import Context
from outcrop.storage.functions import attachments, rows
from outcrop.storage.functions.attachments import AliasRow
from outcrop.storage.functions.rows import LATEST


@operation("lambda:CreateAlias")
def create_alias(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make an alias.

    Raises:
        ResourceNotFoundException: no such function or version.
        ResourceConflictException: the function has an alias of this name.
        InvalidParameterValueException: the weights make no sense.
    """
    reference, name = read(request, context), request["Name"]
    weights = _weights(request)
    with context.platform.database.write(durable=True) as connection:
        version = request["FunctionVersion"]
        _check_versions(connection, reference, version, weights)
        if attachments.alias(connection, reference.arn, name) is not None:
            raise ResourceConflictException(f"Alias already exists: {reference.at(name)}")
        row = AliasRow(
            reference.arn,
            name,
            version,
            request.get("Description", ""),
            json.dumps(weights),
            str(uuid4()),
        )
        attachments.insert_alias(connection, row)
    return descriptions.alias(row)


@operation("lambda:GetAlias")
def get_alias(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Describe an alias.

    Raises:
        ResourceNotFoundException: no such alias.
    """
    connection = context.platform.database.reader
    return descriptions.alias(_find(connection, read(request, context), request["Name"]))


@operation("lambda:ListAliases")
def list_aliases(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the aliases of a function by name, or those that stand for one version.

    Raises:
        ResourceNotFoundException: no such function.
        InvalidParameterValueException: the marker is none that this operation returned.
    """
    reference, connection = read(request, context), context.platform.database.reader
    function = find_function(connection, reference)
    version = request.get("FunctionVersion")
    items = [
        descriptions.alias(row)
        for row in attachments.aliases(connection, function.arn)
        if version is None or row.version == version or version in row.weights
    ]
    items, following = pages.cut(items, request, context)
    return {"Aliases": items, "NextMarker": following}


@operation("lambda:UpdateAlias")
def update_alias(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Point an alias elsewhere; what the request leaves out stays as it is.

    Raises:
        ResourceNotFoundException: no such alias or version.
        PreconditionFailedException: RevisionId is not the latest.
        InvalidParameterValueException: the weights make no sense.
    """
    reference = read(request, context)
    with context.platform.database.write(durable=True) as connection:
        before = _find(connection, reference, request["Name"])
        if request.get("RevisionId") not in {None, "", before.revision_id}:
            raise PreconditionFailedException
        version = request.get("FunctionVersion", before.version)
        weights = _weights(request) if "RoutingConfig" in request else before.weights
        _check_versions(connection, reference, version, weights)
        row = AliasRow(
            before.function_arn,
            before.name,
            version,
            request.get("Description", before.description),
            json.dumps(weights),
            str(uuid4()),
        )
        attachments.change_alias(
            connection,
            row.function_arn,
            row.name,
            version=row.version,
            description=row.description,
            weights_json=row.weights_json,
            revision_id=row.revision_id,
        )
    return descriptions.alias(row)


@operation("lambda:DeleteAlias")
def delete_alias(request: Mapping[str, Any], context: Context) -> None:
    """Delete an alias with what hangs on it; one that is not there is no error.

    Raises:
        ResourceNotFoundException: the name is of another region.
    """
    reference = read(request, context)
    with context.platform.database.write(durable=True) as connection:
        attachments.remove_alias(connection, reference.arn, request["Name"])


def _find(connection: Connection, reference: Reference, name: str) -> AliasRow:
    row = attachments.alias(connection, reference.arn, name)
    if row is None:
        raise no_alias(reference.at(name))
    return row


def _weights(request: Mapping[str, Any]) -> dict[str, float]:
    routing = request.get("RoutingConfig") or {}
    weights: dict[str, float] = dict(routing.get("AdditionalVersionWeights") or {})
    if len(weights) > 1:
        raise InvalidParameterValueException(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
    for version, weight in weights.items():
        shown = f"{{{version}={weight}}}"
        if not 0 <= weight <= 1:
            raise _refused_weights(
                shown,
                "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member "
                "must have value greater than or equal to 0.0, Member must not be null]",
            )
        if not version.isdigit():
            raise _refused_weights(
                shown,
                "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member "
                "must have length greater than or equal to 1, Member must satisfy regular expression pattern: "
                "[0-9]+, Member must not be null]",
            )
    return weights


def _refused_weights(shown: str, constraint: str) -> ValidationException:
    return ValidationException(
        f"1 validation error detected: Value '{shown}' at 'routingConfig.additionalVersionWeights' failed to "
        f"satisfy constraint: {constraint}"
    )


def _check_versions(
    connection: Connection, reference: Reference, version: str, weights: Mapping[str, float]
) -> None:
    if weights and version == LATEST:
        raise InvalidParameterValueException(
            "$LATEST is not supported for an alias pointing to more than 1 version"
        )
    if version in weights:
        raise InvalidParameterValueException(
            f"Invalid function version {version}. Function version {version} is already included in routing "
            "configuration."
        )
    for named in (version, *weights):
        if rows.version(connection, reference.arn, named) is None:
            raise not_found(reference.at(named))
