"""Topics and their attributes."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from outcrop.aws.errors import OperationNotBuilt
from outcrop.aws.operation import operation
from outcrop.core.times import now_us
from outcrop.identity.policy import PolicyError, PolicyKind, parse_policy
from outcrop.services.platform import Context
from outcrop.services.sns import delivery_policies
from outcrop.services.sns.errors import InvalidParameter
from outcrop.services.sns.names import (
    PAGE,
    check_topic_arn,
    cut,
    require_topic,
    start_of,
    topic_arn,
)
from outcrop.services.sns.tags import read_tags
from outcrop.storage import tags, topics
from outcrop.storage.topics import TopicRow

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_MOST_DISPLAY_NAME = 100
_OWN_KEY = "alias/aws/sns"
_FEEDBACK = re.compile(
    r"(HTTP|SQS|Lambda|Firehose|Application)(Success|Failure)Feedback(RoleArn|SampleRate)"
)
_FIFO_ONLY = frozenset({"ContentBasedDeduplication", "ArchivePolicy", "FifoThroughputScope"})
# What the default policy lets the account's own identities do, as AWS writes it.
_DEFAULT_ACTIONS = (
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
)


@operation("sns:CreateTopic")
def create_topic(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Make a topic; one that is there with the same attributes and tags is returned.

    Raises:
        InvalidParameter: name, attribute or tag is not valid, or the topic is there with others.
        OperationNotBuilt: a FIFO topic is asked for, whose only subscribers are queues.
    """
    name, given = request["Name"], dict(request.get("Attributes") or {})
    if given.get("FifoTopic") == "true":
        raise OperationNotBuilt("FIFO topics are not offered by this server: it has no queues.")
    if _NAME.fullmatch(name) is None:
        raise InvalidParameter("Topic Name")
    wanted_tags = read_tags(request.get("Tags") or ())
    for key, value in given.items():
        _check(key, value, "Attributes Reason: ")
    arn = topic_arn(name, context.region, context.account_id)
    policy = given.pop("Policy", "")
    given.pop("FifoTopic", None)
    with context.platform.database.write(durable=True) as connection:
        row = topics.get(connection, arn)
        if row is None:
            created = now_us(context.platform.clock)
            topics.insert(
                connection,
                TopicRow(arn, context.region, name, created, json.dumps(given), policy, 0),
            )
            tags.put(connection, arn, wanted_tags)
            return {"TopicArn": arn}
        attributes = row.attributes
        if any(attributes.get(key) != value for key, value in given.items()) or (
            policy and policy != row.policy
        ):
            raise InvalidParameter("Attributes", "Topic already exists with different attributes")
        if wanted_tags and tags.of(connection, arn) != wanted_tags:
            raise InvalidParameter("Tags", "Topic already exists with different tags")
    return {"TopicArn": arn}


@operation("sns:DeleteTopic")
def delete_topic(request: Mapping[str, Any], context: Context) -> None:
    """Delete a topic with its subscriptions; one that is not there is no error.

    Raises:
        InvalidParameter: the ARN cannot be one.
    """
    check_topic_arn(request["TopicArn"], context)
    with context.platform.database.write(durable=True) as connection:
        topics.remove(connection, request["TopicArn"])


@operation("sns:ListTopics")
def list_topics(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the topics of the region by name.

    Raises:
        InvalidParameter: the token is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        found = topics.page(
            connection, context.region, after=start_of(request, context), limit=PAGE + 1
        )
    shown, following = cut(found, lambda row: row.name, context)
    return {"Topics": [{"TopicArn": row.arn} for row in shown], **following}


@operation("sns:GetTopicAttributes")
def get_topic_attributes(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return a topic's attributes, policy and counts of subscriptions.

    Raises:
        NotFound: there is no such topic.
    """
    with context.platform.database.read() as connection:
        row = require_topic(connection, request["TopicArn"], context)
        confirmed, pending = topics.counts(connection, row.arn)
    attributes = {
        "DisplayName": "",
        **row.attributes,
        "EffectiveDeliveryPolicy": json.dumps(
            delivery_policies.effective(row.attributes.get("DeliveryPolicy", ""))
        ),
        "Owner": context.account_id,
        "Policy": row.policy or default_policy(row.arn, context.account_id),
        "SubscriptionsConfirmed": str(confirmed),
        "SubscriptionsDeleted": str(row.subscriptions_deleted),
        "SubscriptionsPending": str(pending),
        "TopicArn": row.arn,
    }
    return {"Attributes": attributes}


@operation("sns:SetTopicAttributes")
def set_topic_attributes(request: Mapping[str, Any], context: Context) -> None:
    """Set an attribute or the policy of a topic; an empty value takes it back.

    Raises:
        NotFound: there is no such topic.
        InvalidParameter: no such attribute, or not a value for it.
        OperationNotBuilt: the attribute stands for something that this server does not offer.
    """
    name, value = request["AttributeName"], request.get("AttributeValue") or ""
    with context.platform.database.write(durable=True) as connection:
        row = require_topic(connection, request["TopicArn"], context)
        _check(name, value, "")
        if name == "Policy":
            topics.change(connection, row.arn, policy=value)
            return
        attributes = {key: text for key, text in row.attributes.items() if key != name}
        if value:
            attributes[name] = value
        topics.change(connection, row.arn, attributes_json=json.dumps(attributes))


def default_policy(arn: str, account_id: str) -> str:
    """Return the policy of a topic that nobody wrote one for."""
    return json.dumps(
        {
            "Version": "2008-10-17",
            "Id": "__default_policy_ID",
            "Statement": [
                {
                    "Sid": "__default_statement_ID",
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": [f"SNS:{action}" for action in _DEFAULT_ACTIONS],
                    "Resource": arn,
                    "Condition": {"StringEquals": {"AWS:SourceOwner": account_id}},
                }
            ],
        },
        separators=(",", ":"),
    )


def _check(name: str, value: str, place: str) -> None:
    """Refuse an attribute that a topic cannot have.

    Args:
        place: "Attributes Reason: " where it came with others.
    """
    if name in _CHECKS:
        _CHECKS[name](value, place)
    elif _FEEDBACK.fullmatch(name):
        if value not in {"", "0"}:  # Terraform's provider says of every topic that none is wanted
            raise OperationNotBuilt("Logs of delivery status are not offered by this server.")
    elif name in _FIFO_ONLY or (name == "FifoTopic" and place):
        if value != "false":
            raise InvalidParameter(f"{place}{name}: only FIFO topics have it")
    else:
        raise InvalidParameter(
            "AttributeName" if not place else f"{place}Unknown attribute: {name}"
        )


def _check_policy(text: str, place: str) -> None:
    if not text:
        return
    try:
        parse_policy(text, PolicyKind.RESOURCE)
    except PolicyError as error:
        raise InvalidParameter(f"{place}Policy Error: {error}") from None


def _check_display_name(text: str, place: str) -> None:
    if len(text) > _MOST_DISPLAY_NAME or "\n" in text or "\r" in text:
        raise InvalidParameter(f"{place}DisplayName")


def _check_signature_version(text: str, place: str) -> None:
    if text not in {"1", "2", ""}:
        raise InvalidParameter(f"{place}SignatureVersion: Invalid value [{text}].")


def _check_key(text: str, _place: str) -> None:
    if text not in {"", _OWN_KEY}:
        raise OperationNotBuilt(
            f"Topics under a KMS key other than {_OWN_KEY} are not offered by this server; what waits to be "
            "delivered is always sealed."
        )


def _check_tracing(text: str, _place: str) -> None:
    if text not in {"", "PassThrough"}:
        raise OperationNotBuilt("Tracing of topics is not offered by this server.")


_CHECKS: Mapping[str, Callable[[str, str], None]] = {
    "Policy": _check_policy,
    "DisplayName": _check_display_name,
    "DeliveryPolicy": delivery_policies.check_topic,
    "SignatureVersion": _check_signature_version,
    "KmsMasterKeyId": _check_key,
    "TracingConfig": _check_tracing,
}
