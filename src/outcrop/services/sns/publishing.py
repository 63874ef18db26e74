"""Publishing: a message is recorded for every subscriber that wants it, in one transaction, and delivered after it."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.errors import OperationNotBuilt
from outcrop.aws.operation import operation
from outcrop.core.ids import request_id
from outcrop.services.platform import Context
from outcrop.services.sns import envelopes, filter_policies, message_attributes
from outcrop.services.sns.envelopes import Notice
from outcrop.services.sns.errors import (
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InvalidBatchEntryId,
    InvalidParameter,
    TooManyEntriesInBatchRequest,
)
from outcrop.services.sns.names import require_topic
from outcrop.storage import topics
from outcrop.storage.topics import TopicRow

_MOST_BYTES = 262_144
_MOST_ENTRIES = 10
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_SUBJECT = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,100}")
_BY_MAIL = frozenset({"email", "email-json"})


@operation("sns:Publish")
def publish(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Send a message to the subscribers of a topic; it is safe when this returns.

    Raises:
        NotFound: there is no such topic.
        InvalidParameter: message or subject is not valid, or no topic is named.
        ParameterValueInvalid: a message attribute is not valid.
        OperationNotBuilt: a phone number is named.
    """
    if request.get("PhoneNumber"):
        raise OperationNotBuilt("Text messages are not offered by this server.")
    arn = request.get("TopicArn")
    if arn is None:
        arn = _target(request.get("TargetArn"))
    notice = _notice(request, context)
    with context.platform.database.write(durable=True) as connection:
        _send(connection, require_topic(connection, arn, context), notice, context)
    _wake(context)
    return {"MessageId": notice.message_id}


@operation("sns:PublishBatch")
def publish_batch(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Send up to ten messages to the subscribers of a topic, all or none.

    Raises:
        NotFound: there is no such topic.
        EmptyBatchRequest, TooManyEntriesInBatchRequest, BatchRequestTooLong: its size.
        BatchEntryIdsNotDistinct, InvalidBatchEntryId: its ids.
        InvalidParameter, ParameterValueInvalid: an entry is not valid.
    """
    entries = request["PublishBatchRequestEntries"]
    _check_batch(entries)
    with context.platform.database.write(durable=True) as connection:
        topic = require_topic(connection, request["TopicArn"], context)
        notices = [_notice(entry, context) for entry in entries]
        for notice in notices:
            _send(connection, topic, notice, context)
    _wake(context)
    return {
        "Successful": [
            {"Id": entry["Id"], "MessageId": notice.message_id}
            for entry, notice in zip(entries, notices, strict=True)
        ],
        "Failed": [],
    }


def _target(arn: str | None) -> str:
    if arn is None:
        raise InvalidParameter("TopicArn or TargetArn", "no value for required parameter")
    if ":endpoint/" in arn:
        raise InvalidParameter("TargetArn", "No endpoint found for the target arn specified")
    return arn


def _check_batch(entries: Sequence[Mapping[str, Any]]) -> None:
    if not entries:
        raise EmptyBatchRequest("The batch request doesn't contain any entries.")
    if len(entries) > _MOST_ENTRIES:
        raise TooManyEntriesInBatchRequest(
            "The batch request contains more entries than permissible."
        )
    ids = [entry["Id"] for entry in entries]
    if len(set(ids)) < len(ids):
        raise BatchEntryIdsNotDistinct("Two or more batch entries in the request have the same Id.")
    if any(_ENTRY_ID.fullmatch(item) is None for item in ids):
        raise InvalidBatchEntryId(
            "The Id of a batch entry in a batch request doesn't abide by the specification."
        )
    if sum(len(entry["Message"].encode()) for entry in entries) > _MOST_BYTES:
        raise BatchRequestTooLong(
            "The length of all the batch messages put together is more than the limit."
        )


def _notice(request: Mapping[str, Any], context: Context) -> Notice:
    """Return the message of a request.

    Raises:
        InvalidParameter: body or subject is not valid.
        ParameterValueInvalid: an attribute is not valid.
    """
    text, subject = request["Message"], request.get("Subject")
    attributes = request.get("MessageAttributes") or {}
    if not text:
        raise InvalidParameter("Empty message")
    if subject is not None and _SUBJECT.fullmatch(subject) is None:
        raise InvalidParameter("Subject")
    message_attributes.check(attributes)
    if len(text.encode()) + message_attributes.size_of(attributes) > _MOST_BYTES:
        raise InvalidParameter("Message too long")
    return Notice(
        message_id=request_id(),
        bodies=_bodies(text, request.get("MessageStructure")),
        subject=subject,
        attributes=attributes,
        published=context.platform.clock.now(),
    )


def _bodies(text: str, structure: str | None) -> dict[str, str]:
    if not structure:
        return {"default": text}
    if structure != "json":
        raise InvalidParameter("MessageStructure")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidParameter("Message Structure - JSON message body failed to parse")
    bodies = {name: body for name, body in found.items() if isinstance(body, str)}
    if "default" not in bodies:
        raise InvalidParameter("Message Structure - No default entry in JSON message body")
    return bodies


def _send(connection: Connection, topic: TopicRow, notice: Notice, context: Context) -> None:
    platform = context.platform
    for row in topics.confirmed(connection, topic.arn):
        wanted = row.attributes
        if not filter_policies.wants(
            wanted.get("FilterPolicy", ""),
            wanted.get("FilterPolicyScope", filter_policies.ATTRIBUTES),
            notice.attributes,
            notice.body(row.protocol),
        ):
            continue
        if row.protocol in _BY_MAIL:
            platform.mailer.accept(connection, envelopes.as_mail(notice, topic, row, platform))
        else:
            delivery = envelopes.as_delivery(notice, topic, row, platform)
            platform.notifications.add(connection, row.arn, notice.message_id, delivery)


def _wake(context: Context) -> None:
    context.platform.mailer.wake()
    context.platform.notifications.wake()
