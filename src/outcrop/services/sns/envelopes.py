"""What a subscriber gets: a message in the form of his protocol."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from outcrop.governance.mail.addresses import parse
from outcrop.governance.mail.messages import Parts, Text, compose
from outcrop.governance.mailer import Mail
from outcrop.governance.notifications import Delivery
from outcrop.services.platform import Context, Platform
from outcrop.services.sns import delivery_policies, message_attributes, signing
from outcrop.storage.topics import SubscriptionRow, TopicRow

_USUAL_SENDER = "no-reply@sns.amazonaws.com"
_USUAL_NAME = "AWS Notifications"
_USUAL_SUBJECT = "AWS Notification Message"
_AGENT = "Amazon Simple Notification Service Agent"


@dataclass(frozen=True, slots=True)
class Notice:
    """A published message.

    Attributes:
        bodies: by protocol, where they differ; "default" for all others.
        attributes: as the request has them.
    """

    message_id: str
    bodies: Mapping[str, str] = field(repr=False)
    subject: str | None
    attributes: Mapping[str, Mapping[str, Any]] = field(repr=False)
    published: datetime

    def body(self, protocol: str) -> str:
        """Return what subscribers of a protocol get."""
        return self.bodies.get(protocol, self.bodies["default"])


def as_mail(notice: Notice, topic: TopicRow, row: SubscriptionRow, platform: Platform) -> Mail:
    """Return the mail that brings a message: as text, or as JSON to whoever wants to read it by machine."""
    subject = notice.subject or _USUAL_SUBJECT
    if row.protocol == "email-json":
        text = as_json(envelope(notice, topic, row, platform))
    else:
        text = (
            f"{notice.body('email')}\n\n--\n"
            "To get no further notifications from this topic, follow this link:\n"
            f"{unsubscribe_link(row)}\n"
        )
    return _mail(subject, text, topic, row, platform, notice.published)


def as_confirmation_mail(
    token: str, topic: TopicRow, row: SubscriptionRow, platform: Platform, now: datetime
) -> Mail:
    """Return the mail that asks whether somebody wants a topic's messages."""
    if row.protocol == "email-json":
        text = as_json(confirmation(token, topic, row, platform, now))
    else:
        text = (
            "You have chosen to subscribe to the topic:\n"
            f"{topic.arn}\n\n"
            "To confirm this, follow this link within two days:\n"
            f"{confirm_link(token, row)}\n\n"
            "If it was not you, do nothing: without the link you will get no messages.\n"
        )
    return _mail("AWS Notification - Subscription Confirmation", text, topic, row, platform, now)


def as_farewell_mail(
    topic: TopicRow, row: SubscriptionRow, platform: Platform, now: datetime
) -> Mail:
    """Return the mail that says that a link ended a subscription."""
    text = (
        f"{row.endpoint} gets no further messages from the topic\n{topic.arn}\n\n"
        "Whoever wants them again must be subscribed again.\n"
    )
    return _mail("AWS Notification - Unsubscribe Confirmation", text, topic, row, platform, now)


def as_delivery(
    notice: Notice, topic: TopicRow, row: SubscriptionRow, platform: Platform
) -> Delivery:
    """Return what goes to a function or a web endpoint."""
    if row.protocol == "lambda":
        payload = json.dumps(_event(notice, topic, row, platform))
        return Delivery("lambda", row.endpoint, topic.arn, row.region, payload)
    is_raw = row.attributes.get("RawMessageDelivery") == "true"
    payload = (
        notice.body(row.protocol) if is_raw else as_json(envelope(notice, topic, row, platform))
    )
    headers = _headers("Notification", notice.message_id, topic, row)
    if is_raw:
        headers["x-amz-sns-rawdelivery"] = "true"
    return _web_delivery(payload, headers, topic, row)


def as_confirmation_delivery(
    token: str, topic: TopicRow, row: SubscriptionRow, platform: Platform, now: datetime
) -> Delivery:
    """Return what asks a web endpoint whether it wants a topic's messages."""
    content = confirmation(token, topic, row, platform, now)
    headers = _headers(content["Type"], content["MessageId"], topic, row)
    return _web_delivery(as_json(content), headers, topic, row)


def envelope(
    notice: Notice, topic: TopicRow, row: SubscriptionRow, platform: Platform
) -> dict[str, Any]:
    """Return a message with its signature, as web endpoints and email-json get it."""
    content: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": notice.message_id,
        "TopicArn": topic.arn,
        "Subject": notice.subject,
        "Message": notice.body(row.protocol),
        "Timestamp": stamp(notice.published),
    }
    if notice.subject is None:
        del content["Subject"]
    content |= _signed(content, topic, row, platform)
    content["UnsubscribeURL"] = unsubscribe_link(row)
    if notice.attributes:
        content["MessageAttributes"] = message_attributes.shown(notice.attributes)
    return content


def confirmation(
    token: str, topic: TopicRow, row: SubscriptionRow, platform: Platform, now: datetime
) -> dict[str, Any]:
    """Return the message that asks whether an endpoint wants a topic's messages."""
    from outcrop.core.ids import request_id

    content: dict[str, Any] = {
        "Type": "SubscriptionConfirmation",
        "MessageId": request_id(),
        "Token": token,
        "TopicArn": topic.arn,
        "Message": (
            f"You have chosen to subscribe to the topic {topic.arn}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        ),
        "SubscribeURL": confirm_link(token, row),
        "Timestamp": stamp(now),
    }
    return content | _signed(content, topic, row, platform)


def confirm_link(token: str, row: SubscriptionRow) -> str:
    """Return the link that confirms a subscription."""
    asked = {"Action": "ConfirmSubscription", "TopicArn": row.topic_arn, "Token": token}
    return f"{row.link_base}/?{urlencode(asked, safe=':')}"


def unsubscribe_link(row: SubscriptionRow) -> str:
    """Return the link that ends a subscription."""
    asked = {"Action": "Unsubscribe", "SubscriptionArn": row.arn}
    return f"{row.link_base}/?{urlencode(asked, safe=':')}"


def stamp(moment: datetime) -> str:
    """Return a time as messages have it, with milliseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def as_json(content: Mapping[str, Any]) -> str:
    """Return a message as SNS prints it."""
    return json.dumps(content, indent=2, separators=(",", " : "), ensure_ascii=False)


def now_of(context: Context) -> datetime:
    """Return the present moment."""
    return context.platform.clock.now()


def _event(
    notice: Notice, topic: TopicRow, row: SubscriptionRow, platform: Platform
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": notice.message_id,
        "TopicArn": topic.arn,
        "Subject": notice.subject,
        "Message": notice.body("lambda"),
        "Timestamp": stamp(notice.published),
    }
    signed = _signed(content, topic, row, platform)
    # Functions get two of the names in another spelling.
    signed["SigningCertUrl"] = signed.pop("SigningCertURL")
    content |= signed
    content["UnsubscribeUrl"] = unsubscribe_link(row)
    content["MessageAttributes"] = message_attributes.shown(notice.attributes)
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": row.arn,
                "Sns": content,
            }
        ]
    }


def _signed(
    content: Mapping[str, Any], topic: TopicRow, row: SubscriptionRow, platform: Platform
) -> dict[str, str]:
    version = topic.attributes.get("SignatureVersion", "1")
    return {
        "SignatureVersion": version,
        "Signature": signing.signature(platform, content, version),
        "SigningCertURL": f"{row.link_base}{signing.CERTIFICATE_PATH}",
    }


def _headers(kind: str, message_id: str, topic: TopicRow, row: SubscriptionRow) -> dict[str, str]:
    policy = delivery_policies.of_subscription(
        topic.attributes.get("DeliveryPolicy", ""), row.attributes.get("DeliveryPolicy", "")
    )
    return {
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": message_id,
        "x-amz-sns-topic-arn": topic.arn,
        "x-amz-sns-subscription-arn": row.arn,
        "Content-Type": str(policy["requestPolicy"]["headerContentType"]),
        "User-Agent": _AGENT,
    }


def _web_delivery(
    payload: str, headers: Mapping[str, str], topic: TopicRow, row: SubscriptionRow
) -> Delivery:
    policy = delivery_policies.of_subscription(
        topic.attributes.get("DeliveryPolicy", ""), row.attributes.get("DeliveryPolicy", "")
    )
    return Delivery(
        row.protocol,
        row.endpoint,
        topic.arn,
        row.region,
        payload,
        headers,
        delivery_policies.delays_of(policy["healthyRetryPolicy"]),
    )


def _mail(  # noqa: PLR0913, PLR0917  # each is another thing
    subject: str,
    text: str,
    topic: TopicRow,
    row: SubscriptionRow,
    platform: Platform,
    now: datetime,
) -> Mail:
    sender = parse(platform.mailer.own_sender(_USUAL_SENDER))
    name = topic.attributes.get("DisplayName") or _USUAL_NAME
    from dataclasses import replace

    parts = Parts(replace(sender, name=name), [parse(row.endpoint)], Text(subject), Text(text))
    return Mail(compose(parts, now), sender.bare, [parse(row.endpoint).bare], row.region, "sns")
