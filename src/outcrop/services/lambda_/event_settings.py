"""Settings for events that nobody waits for: how often, how long, and whom to tell."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.operation import operation
from outcrop.core.times import from_us, now_us
from outcrop.services.lambda_ import pages
from outcrop.services.lambda_.destinations import KINDS
from outcrop.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from outcrop.services.lambda_.identifiers import Reference, look_up, parse, read
from outcrop.services.platform import Context
from outcrop.storage.functions import attachments, rows
from outcrop.storage.functions.attachments import EventSettingsRow
from outcrop.storage.functions.rows import LATEST

_MEMBERS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


@operation("lambda:PutFunctionEventInvokeConfig")
def put_function_event_invoke_config(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Set what holds for events, in place of what did.

    Raises:
        ResourceNotFoundException: no such function, version or alias.
        InvalidParameterValueException: nothing is set, or a destination cannot be one.
    """
    reference = read(request, context)
    with context.platform.database.write(durable=True) as connection:
        _require(connection, reference)
        settings = _checked(request, reference, connection, context)
        return _put(connection, reference, settings, context)


@operation("lambda:UpdateFunctionEventInvokeConfig")
def update_function_event_invoke_config(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Change what holds for events; what the request leaves out stays as it is.

    Raises:
        ResourceNotFoundException: no such function, or it has no settings for events.
        InvalidParameterValueException: nothing is set, or a destination cannot be one.
    """
    reference = read(request, context)
    with context.platform.database.write(durable=True) as connection:
        _require(connection, reference)
        settings = _checked(request, reference, connection, context)
        before = _find(connection, reference).settings
        return _put(connection, reference, before | settings, context)


@operation("lambda:GetFunctionEventInvokeConfig")
def get_function_event_invoke_config(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Return what holds for the events of a function, a version or an alias.

    Raises:
        ResourceNotFoundException: it has no settings for events.
    """
    return _described(_find(context.platform.database.reader, read(request, context)))


@operation("lambda:ListFunctionEventInvokeConfigs")
def list_function_event_invoke_configs(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """List what holds for events, for every qualifier of a function that has settings.

    Raises:
        ResourceNotFoundException: no such function.
        InvalidParameterValueException: the marker is none that this operation returned.
    """
    reference, connection = read(request, context), context.platform.database.reader
    if rows.get(connection, reference.arn) is None:
        raise ResourceNotFoundException("The function doesn't exist.")
    found = attachments.all_event_settings(connection, reference.arn)
    items, following = pages.cut([_described(row) for row in found], request, context)
    return {"FunctionEventInvokeConfigs": items, "NextMarker": following}


@operation("lambda:DeleteFunctionEventInvokeConfig")
def delete_function_event_invoke_config(request: Mapping[str, Any], context: Context) -> None:
    """Let the defaults hold for events again.

    Raises:
        ResourceNotFoundException: it has no settings for events.
    """
    reference = read(request, context)
    with context.platform.database.write(durable=True) as connection:
        row = _find(connection, reference)
        attachments.remove_event_settings(connection, row.function_arn, row.qualifier)


def _require(connection: Connection, reference: Reference) -> None:
    if look_up(connection, reference) is None:
        raise ResourceNotFoundException("The function doesn't exist.")


def _find(connection: Connection, reference: Reference) -> EventSettingsRow:
    qualifier = reference.qualifier or LATEST
    row = attachments.event_settings(connection, reference.arn, qualifier)
    if row is None:
        raise ResourceNotFoundException(
            f"The function {reference.at(qualifier)} doesn't have an EventInvokeConfig"
        )
    return row


def _checked(
    request: Mapping[str, Any], reference: Reference, connection: Connection, context: Context
) -> dict[str, Any]:
    settings = {member: request[member] for member in _MEMBERS if member in request}
    if not settings:
        raise InvalidParameterValueException(
            "You must specify at least one of error handling or destination setting."
        )
    for condition in ("OnSuccess", "OnFailure"):
        target = settings.get("DestinationConfig", {}).get(condition, {}).get("Destination")
        if target:
            _check_destination(target, settings, reference, connection, context)
    return settings


def _check_destination(
    target: str,
    settings: Mapping[str, Any],
    reference: Reference,
    connection: Connection,
    context: Context,
) -> None:
    kind = (target.split(":") + [""] * 3)[2]
    if kind == "lambda":
        function = parse(target, context.region, context.account_id)
        if function is None or look_up(connection, function) is None:
            raise InvalidParameterValueException(f"The destination ARN {target} is invalid.")
        if function.arn == reference.arn:
            raise InvalidParameterValueException(
                "You can't specify the function as a destination for itself."
            )
    elif kind not in KINDS:
        parts = {
            name: settings["DestinationConfig"].get(name, {}).get("Destination")
            for name in ("OnSuccess", "OnFailure")
        }
        shown = ", ".join(
            f"on{name[2:]}=" + (f"{name}(destination={value})" if value else "null")
            for name, value in parts.items()
        )
        raise InvalidParameterValueException(
            f"The provided destination config DestinationConfig({shown}) is invalid."
        )


def _put(
    connection: Connection, reference: Reference, settings: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    row = EventSettingsRow(
        reference.arn,
        reference.qualifier or LATEST,
        json.dumps(dict(settings)),
        now_us(context.platform.clock),
    )
    attachments.put_event_settings(connection, row)
    return _described(row)


def _described(row: EventSettingsRow) -> dict[str, Any]:
    settings = row.settings
    given = settings.get("DestinationConfig") or {}
    return {
        **settings,
        "FunctionArn": f"{row.function_arn}:{row.qualifier}",
        "LastModified": from_us(row.modified_us),
        "DestinationConfig": {
            condition: {key: value for key, value in given.get(condition, {}).items() if value}
            for condition in ("OnSuccess", "OnFailure")
        },
    }
