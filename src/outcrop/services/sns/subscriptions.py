"""Subscriptions: asked for, confirmed by whom they are for, ended."""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from outcrop.aws.errors import OperationNotBuilt
from outcrop.aws.operation import operation
from outcrop.core.ids import ordered_id
from outcrop.core.times import now_us
from outcrop.governance.mail.addresses import parse
from outcrop.governance.mail.refusals import MailRefused
from outcrop.services.own_address import own_endpoint
from outcrop.services.platform import Context
from outcrop.services.sns import delivery_policies, envelopes
from outcrop.services.sns.errors import (
    AuthorizationError,
    InvalidParameter,
    InvalidToken,
    NotFound,
)
from outcrop.services.sns.names import (
    PAGE,
    check_subscription_arn,
    check_topic_arn,
    cut,
    require_topic,
    start_of,
)
from outcrop.services.sns.subscription_attributes import changed, checked
from outcrop.storage import topics
from outcrop.storage.topics import SubscriptionRow, TopicRow

_BUILT = frozenset({"email", "email-json", "http", "https", "lambda"})
_FURTHER = frozenset({"sqs", "sms", "application", "firehose"})
_BY_MAIL = frozenset({"email", "email-json"})
_FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_:$-]+")
_TOKEN = re.compile(r"[0-9a-f]{64,}")
_TOKEN_BYTES = 128
# SNS API reference, Subscribe: tokens are valid for two days.
_TOKEN_LIFETIME_US = 48 * 3600 * 1_000_000
_PENDING = "pending confirmation"


@operation("sns:Subscribe")
def subscribe(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Subscribe an endpoint: a function at once, an address or a web endpoint when it confirms.

    Raises:
        NotFound: there is no such topic.
        InvalidParameter: protocol, endpoint or attribute is not valid.
        OperationNotBuilt: the protocol is one of AWS's that this server does not offer.
    """
    protocol, endpoint = request["Protocol"], request.get("Endpoint", "")
    _check_endpoint(protocol, endpoint)
    attributes = checked(request.get("Attributes") or {}, protocol)
    platform = context.platform
    with platform.database.write(durable=True) as connection:
        topic = require_topic(connection, request["TopicArn"], context)
        row = topics.subscription_to(connection, topic.arn, protocol, endpoint)
        if row is not None and attributes and row.attributes != attributes:
            if row.is_confirmed:
                raise InvalidParameter(
                    "Attributes", "Subscription already exists with different attributes"
                )
            topics.change_subscription(connection, row.arn, attributes_json=json.dumps(attributes))
        if row is None:
            row = _new(topic, protocol, endpoint, attributes, context)
            topics.insert_subscription(connection, row)
        if not row.is_confirmed:
            _ask(connection, topic, row, context)
    platform.mailer.wake()
    platform.notifications.wake()
    is_told = row.is_confirmed or request.get("ReturnSubscriptionArn", False)
    return {"SubscriptionArn": row.arn if is_told else _PENDING}


@operation("sns:ConfirmSubscription")
def confirm_subscription(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take the token that an endpoint was sent; needs no signature, since the token is the proof.

    Raises:
        InvalidParameter: the token is none, is over, or is of another topic.
        AuthorizationError: only a signed call may ask for signed ones.
    """
    check_topic_arn(request["TopicArn"], context)
    token, is_anonymous = request["Token"], context.principal.type == "Anonymous"
    if _TOKEN.fullmatch(token) is None:
        raise InvalidToken("Invalid token")
    wants_signature = request.get("AuthenticateOnUnsubscribe", "").lower() == "true"
    if wants_signature and is_anonymous:
        raise AuthorizationError("AuthenticateOnUnsubscribe needs a signed request")
    now = now_us(context.platform.clock)
    with context.platform.database.write(durable=True) as connection:
        row = topics.subscription_of_token(connection, _digest(token))
        if row is None or row.topic_arn != request["TopicArn"]:
            raise InvalidParameter("Token")
        if row.is_confirmed:
            return {"SubscriptionArn": row.arn}
        if row.token_expires_us is None or row.token_expires_us < now:
            raise InvalidParameter("Token")
        topics.change_subscription(
            connection,
            row.arn,
            confirmed_us=now,
            was_authenticated=int(not is_anonymous),
            needs_authentication=int(wants_signature),
        )
    return {"SubscriptionArn": row.arn}


@operation("sns:Unsubscribe")
def unsubscribe(request: Mapping[str, Any], context: Context) -> None:
    """End a subscription; one that is not there is no error. A link in a mail may do it without a signature.

    Raises:
        InvalidParameter: the ARN cannot be one.
        AuthorizationError: the subscription may be ended by signed calls only.
    """
    arn = request["SubscriptionArn"]
    check_subscription_arn(arn)
    platform, is_anonymous = context.platform, context.principal.type == "Anonymous"
    with platform.database.write(durable=True) as connection:
        row = topics.subscription(connection, arn)
        if row is None:
            return
        if is_anonymous and (row.needs_authentication or not row.is_confirmed):
            raise AuthorizationError("This subscription is ended by signed requests only")
        topics.remove_subscription(connection, row)
        topic = topics.get(connection, row.topic_arn)
        if is_anonymous and topic is not None and row.protocol in _BY_MAIL:
            # Whoever forwarded the mail that the link stood in learns what became of it.
            farewell = envelopes.as_farewell_mail(topic, row, platform, platform.clock.now())
            platform.mailer.accept(connection, farewell)
    platform.mailer.wake()


@operation("sns:ListSubscriptions")
def list_subscriptions(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the subscriptions of the region.

    Raises:
        InvalidParameter: the token is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        found = topics.subscriptions_of_region(
            connection, context.region, after=start_of(request, context), limit=PAGE + 1
        )
    shown, following = cut(found, lambda row: row.arn, context)
    return {"Subscriptions": [_listed(row, context) for row in shown], **following}


@operation("sns:ListSubscriptionsByTopic")
def list_subscriptions_by_topic(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """List the subscriptions of a topic.

    Raises:
        NotFound: there is no such topic.
        InvalidParameter: the token is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        topic = require_topic(connection, request["TopicArn"], context)
        found = topics.subscriptions_of_topic(
            connection, topic.arn, after=start_of(request, context), limit=PAGE + 1
        )
    shown, following = cut(found, lambda row: row.arn, context)
    return {"Subscriptions": [_listed(row, context) for row in shown], **following}


@operation("sns:GetSubscriptionAttributes")
def get_subscription_attributes(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the attributes of a subscription.

    Raises:
        NotFound: there is no such subscription.
    """
    with context.platform.database.read() as connection:
        row = _required(connection, request["SubscriptionArn"])
        topic = topics.get(connection, row.topic_arn)
    written = row.attributes
    attributes = {
        "ConfirmationWasAuthenticated": _truth(bool(row.was_authenticated)),
        "Endpoint": row.endpoint,
        "Owner": context.account_id,
        "PendingConfirmation": _truth(not row.is_confirmed),
        "Protocol": row.protocol,
        "RawMessageDelivery": "false",
        "SubscriptionArn": row.arn,
        "SubscriptionPrincipal": row.principal,
        "TopicArn": row.topic_arn,
        **written,
    }
    if "FilterPolicy" in written:
        attributes.setdefault("FilterPolicyScope", "MessageAttributes")
    else:
        attributes.pop("FilterPolicyScope", None)
    if row.protocol in {"http", "https"} and topic is not None:
        policy = delivery_policies.of_subscription(
            topic.attributes.get("DeliveryPolicy", ""), written.get("DeliveryPolicy", "")
        )
        attributes["EffectiveDeliveryPolicy"] = json.dumps(policy)
    return {"Attributes": attributes}


@operation("sns:SetSubscriptionAttributes")
def set_subscription_attributes(request: Mapping[str, Any], context: Context) -> None:
    """Set an attribute of a subscription; an empty value takes it away.

    Raises:
        NotFound: there is no such subscription.
        InvalidParameter: there is no such attribute, or not this value for it.
    """
    with context.platform.database.write(durable=True) as connection:
        row = _required(connection, request["SubscriptionArn"])
        attributes = changed(
            row.attributes,
            request["AttributeName"],
            request.get("AttributeValue") or "",
            row.protocol,
        )
        topics.change_subscription(connection, row.arn, attributes_json=json.dumps(attributes))


def _check_endpoint(protocol: str, endpoint: str) -> None:
    if protocol in _FURTHER:
        raise OperationNotBuilt(
            f"Subscriptions with the protocol {protocol} are not offered by this server; offered are "
            f"{', '.join(sorted(_BUILT))}."
        )
    if protocol not in _BUILT:
        raise InvalidParameter(f"Amazon SNS does not support this protocol string: {protocol}")
    if protocol in _BY_MAIL:
        try:
            address = parse(endpoint)
        except MailRefused:
            raise InvalidParameter("Email address") from None
        if address.bare.lower() != endpoint.lower():
            raise InvalidParameter("Email address")
    elif protocol == "lambda":
        if _FUNCTION.fullmatch(endpoint) is None:
            raise InvalidParameter("Lambda endpoint ARN")
    else:
        parts = urlsplit(endpoint)
        if parts.scheme != protocol or not parts.hostname or any(char <= " " for char in endpoint):
            raise InvalidParameter("Endpoint must match the specified protocol")


def _new(
    topic: TopicRow,
    protocol: str,
    endpoint: str,
    attributes: Mapping[str, str],
    context: Context,
) -> SubscriptionRow:
    now = now_us(context.platform.clock)
    # A function of the account's own needs nobody's consent: its own policy says who may call it.
    needs_none = protocol == "lambda"
    return SubscriptionRow(
        # Lists come in the order of ARNs, so that is the order of subscribing.
        arn=f"{topic.arn}:{ordered_id(now)}",
        topic_arn=topic.arn,
        region=topic.region,
        protocol=protocol,
        endpoint=endpoint,
        created_us=now,
        principal=context.principal.role_arn or context.principal.arn,
        confirmed_us=now if needs_none else None,
        was_authenticated=int(needs_none),
        needs_authentication=0,
        token_digest=None,
        token_expires_us=None,
        link_base=own_endpoint(context),
        attributes_json=json.dumps(dict(attributes)),
    )


def _ask(connection: Connection, topic: TopicRow, row: SubscriptionRow, context: Context) -> None:
    """Send an endpoint a new token; an older one confirms nothing any more."""
    platform, token = context.platform, secrets.token_hex(_TOKEN_BYTES)
    now = platform.clock.now()
    topics.change_subscription(
        connection,
        row.arn,
        token_digest=_digest(token),
        token_expires_us=now_us(platform.clock) + _TOKEN_LIFETIME_US,
    )
    if row.protocol in _BY_MAIL:
        asking = envelopes.as_confirmation_mail(token, topic, row, platform, now)
        platform.mailer.accept(connection, asking)
    else:
        delivery = envelopes.as_confirmation_delivery(token, topic, row, platform, now)
        platform.notifications.add(connection, row.arn, token[:16], delivery)


def _required(connection: Connection, arn: str) -> SubscriptionRow:
    check_subscription_arn(arn)
    row = topics.subscription(connection, arn)
    if row is None:
        raise NotFound("Subscription does not exist")
    return row


def _listed(row: SubscriptionRow, context: Context) -> dict[str, str]:
    return {
        "SubscriptionArn": row.arn if row.is_confirmed else "PendingConfirmation",
        "Owner": context.account_id,
        "Protocol": row.protocol,
        "Endpoint": row.endpoint,
        "TopicArn": row.topic_arn,
    }


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
