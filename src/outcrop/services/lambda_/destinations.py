"""Where the outcome of an event goes: another function, a topic, or a bus; as the function's role."""

import json
from collections.abc import Mapping
from typing import Any

from outcrop.core.errors import OutcropError
from outcrop.identity.directory import RoleNotAssumable
from outcrop.services.lambda_ import role_session
from outcrop.services.lambda_.identifiers import look_up, parse
from outcrop.services.platform import Platform
from outcrop.storage.functions.events import EventRow
from outcrop.storage.functions.rows import LATEST

# ARN's name of a service → what can be sent to.
KINDS = ("lambda", "sns", "events")
_BUS = "Lambda Function Invocation Result"


class Undeliverable(OutcropError):
    """A destination cannot be sent to."""


async def deliver(platform: Platform, row: EventRow, outcome: Mapping[str, Any]) -> None:
    """Send an outcome to its destination.

    Args:
        platform: whose operations are called.
        row: the event.
        outcome: target, and the record or the dead letter.

    Raises:
        Undeliverable: the function or its role is gone.
        ServiceError: the destination refused.
    """
    target: str = outcome["target"]
    reference = parse(row.function_arn, "", platform.account_id)
    found = None if reference is None else look_up(platform.database.reader, reference)
    if reference is None or found is None:
        raise Undeliverable(f"{row.function_arn} was deleted")
    try:
        principal = role_session.assume(
            platform.directory, found.version.settings["Role"], row.function_arn, reference.name
        )
    except RoleNotAssumable as error:
        raise Undeliverable(str(error)) from error
    service, operation, request = _request(row, outcome)
    await platform.invoke(
        service, operation, request, principal=principal, region=target.split(":")[3]
    )


def _request(row: EventRow, outcome: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    target: str = outcome["target"]
    kind = target.split(":")[2]
    if "dead_letter" in outcome:
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": row.id},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        }
        if outcome["error"]:
            attributes["ErrorMessage"] = {
                "DataType": "String",
                "StringValue": outcome["error"][:1024],
            }
        message = {"TopicArn": target, "Message": outcome["dead_letter"]}
        return "sns", "Publish", {**message, "MessageAttributes": attributes}
    record = outcome["record"]
    text = json.dumps(record)
    if kind == "lambda":
        request = {"FunctionName": target, "InvocationType": "Event", "Payload": text.encode()}
        return "lambda", "Invoke", request
    if kind == "sns":
        return "sns", "Publish", {"TopicArn": target, "Message": text}
    is_success = record["requestContext"]["condition"] == "Success"
    entry = {
        "Source": "lambda",
        "DetailType": f"{_BUS} - {'Success' if is_success else 'Failure'}",
        "Detail": text,
        "Resources": [target, f"{row.function_arn}:{row.qualifier or LATEST}"],
        "EventBusName": target,
    }
    return "events", "PutEvents", {"Entries": [entry]}
