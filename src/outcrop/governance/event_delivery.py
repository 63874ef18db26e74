"""One delivery of an event to one target: which operation it is, and as whom it is called."""

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from outcrop.aws.arns import Arn
from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import Invoke, Principal
from outcrop.identity.directory import Directory, RoleNotAssumable
from outcrop.storage.events import DeliveryRow

_NAMES = uuid.UUID("6d2a3a0a-0a70-5b0e-9c0c-8a4c1f3f5b11")
# Codes of errors that no further attempt would cure; everything else is tried again.
_LASTING = (
    "AccessDenied",
    "AuthorizationError",
    "InvalidArn",
    "InvalidExecutionInput",
    "InvalidParameter",
    "NotFound",
    "NotImplemented",
    "ResourceNotFound",
    "StateMachineDoesNotExist",
    "Validation",
)


class Undeliverable(Exception):
    """A target will never take the event."""


def supports(arn: Arn) -> bool:
    """Whether events can be delivered to what an ARN names."""
    return arn.service in _SENDERS or is_bus(arn)


def is_bus(arn: Arn) -> bool:
    """Whether an ARN names a bus, which takes events without a call."""
    return arn.service == "events" and arn.resource_type == "event-bus"


def session_of(
    directory: Directory, service: str, source_arn: str, role_arn: str, account_id: str
) -> Principal:
    """Return as whom a service delivers: as a role, or as itself against the target's policy.

    Args:
        directory: opens the role's session.
        service: such as "events.amazonaws.com".
        source_arn: the rule, or the bucket, on whose behalf.
        role_arn: "" for none.
        account_id: whose rule or bucket it is.

    Raises:
        Undeliverable: the role does not let the service assume it.
    """
    if not role_arn:
        return Principal(
            "AWSService",
            service,
            account_id,
            principal_id=service,
            source_arn=source_arn,
            source_account=account_id,
        )
    try:
        return directory.assume_for_service(
            role_arn,
            service,
            source_arn=source_arn,
            source_account=account_id,
            session_name=uuid.uuid5(_NAMES, source_arn).hex,
        )
    except RoleNotAssumable as error:
        raise Undeliverable(str(error)) from error


async def deliver(row: DeliveryRow, content: str, principal: Principal, invoke: Invoke) -> None:
    """Hand an event to its target.

    A repeated delivery of the same row is the same execution of a state machine; other targets may get it again.

    Raises:
        Undeliverable: it is not worth a further attempt.
        ServiceError: it may work later.
    """
    arn = Arn.parse(row.target["Arn"])
    send = _SENDERS.get(arn.service)
    if send is None:
        raise Undeliverable(f"targets of {arn.service} are not built here")

    async def call(service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return await invoke(
            service, operation, request, principal=principal, region=arn.region or row.region
        )

    try:
        await send(row, content, call)
    except ServiceError as error:
        if error.code.startswith(_LASTING):
            raise Undeliverable(f"{error.code}: {error.message}") from error
        raise


_Call = Callable[[str, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]


async def _to_function(row: DeliveryRow, content: str, call: _Call) -> None:
    await call(
        "lambda",
        "Invoke",
        {
            "FunctionName": row.target["Arn"],
            "InvocationType": "Event",
            "Payload": content.encode(),
        },
    )


async def _to_machine(row: DeliveryRow, content: str, call: _Call) -> None:
    name = f"{row.event_id}_{uuid.uuid5(_NAMES, row.id)}"
    request = {"stateMachineArn": row.target["Arn"], "name": name, "input": content}
    try:
        await call("stepfunctions", "StartExecution", request)
    except ServiceError as error:
        if error.code != "ExecutionAlreadyExists":  # then an earlier attempt got through
            raise


async def _to_topic(row: DeliveryRow, content: str, call: _Call) -> None:
    request = {"TopicArn": row.target["Arn"], "Message": content}
    if row.service == "s3.amazonaws.com":
        request["Subject"] = "Amazon S3 Notification"
    await call("sns", "Publish", request)


async def _to_logs(row: DeliveryRow, content: str, call: _Call) -> None:
    group = row.target["Arn"].split(":log-group:", 1)[-1].removesuffix(":*")
    stream = str(uuid.uuid5(_NAMES, row.id))
    place = {"logGroupName": group, "logStreamName": stream}
    try:
        await call("logs", "CreateLogStream", place)
    except ServiceError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise
    event = {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": _line(content)}
    await call("logs", "PutLogEvents", {**place, "logEvents": [event]})


def _line(content: str) -> str:
    """Return the message of a log event: a transformed input is an object with timestamp and message."""
    try:
        parsed = json.loads(content)
    except ValueError:
        return content
    is_own_form = isinstance(parsed, dict) and set(parsed) == {"timestamp", "message"}
    return str(parsed["message"]) if is_own_form else content


_SENDERS: Mapping[str, Callable[[DeliveryRow, str, _Call], Awaitable[None]]] = {
    "lambda": _to_function,
    "logs": _to_logs,
    "sns": _to_topic,
    "states": _to_machine,
}
