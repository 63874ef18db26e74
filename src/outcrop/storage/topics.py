"""Topics, subscriptions, and deliveries to be made."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, select, update

from outcrop.storage import tags
from outcrop.storage.database.tables.topics import sns_deliveries as deliveries_table
from outcrop.storage.database.tables.topics import sns_subscriptions as subscriptions_table
from outcrop.storage.database.tables.topics import sns_topics as topics_table
from outcrop.storage.prepared import Prepared


@dataclass(frozen=True, slots=True)
class TopicRow:
    """One topic, columns as in tables/topics.py."""

    arn: str
    region: str
    name: str
    created_us: int
    attributes_json: str
    policy: str
    subscriptions_deleted: int

    @property
    def attributes(self) -> dict[str, str]:
        """What was set, by name."""
        attributes: dict[str, str] = json.loads(self.attributes_json)
        return attributes


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """One subscription, columns as in tables/topics.py."""

    arn: str
    topic_arn: str
    region: str
    protocol: str
    endpoint: str
    created_us: int
    principal: str
    confirmed_us: int | None
    was_authenticated: int
    needs_authentication: int
    token_digest: str | None
    token_expires_us: int | None
    link_base: str
    attributes_json: str

    @property
    def attributes(self) -> dict[str, str]:
        """What was set, by name."""
        attributes: dict[str, str] = json.loads(self.attributes_json)
        return attributes

    @property
    def is_confirmed(self) -> bool:
        """Whether messages go to it."""
        return self.confirmed_us is not None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery, columns as in tables/topics.py."""

    id: str
    subscription_arn: str
    message_id: str
    created_us: int
    content: bytes = field(repr=False)
    attempts: int
    next_us: int


_TOPIC = [topics_table.c[item.name] for item in fields(TopicRow)]
_SUBSCRIPTION = [subscriptions_table.c[item.name] for item in fields(SubscriptionRow)]
_DELIVERY = [deliveries_table.c[item.name] for item in fields(DeliveryRow)]

_BY_ARN = Prepared(select(*_TOPIC).where(topics_table.c.arn == bindparam("arn")))
_TOPIC_PAGE = Prepared(
    select(*_TOPIC)
    .where(topics_table.c.region == bindparam("region"), topics_table.c.name > bindparam("after"))
    .order_by(topics_table.c.name)
    .limit(bindparam("limit"))
)
_SUBSCRIPTION_BY_ARN = Prepared(
    select(*_SUBSCRIPTION).where(subscriptions_table.c.arn == bindparam("arn"))
)
_BY_TOKEN = Prepared(
    select(*_SUBSCRIPTION).where(subscriptions_table.c.token_digest == bindparam("digest"))
)
_OF_TOPIC = Prepared(
    select(*_SUBSCRIPTION)
    .where(
        subscriptions_table.c.topic_arn == bindparam("topic_arn"),
        subscriptions_table.c.arn > bindparam("after"),
    )
    .order_by(subscriptions_table.c.arn)
    .limit(bindparam("limit"))
)
_OF_REGION = Prepared(
    select(*_SUBSCRIPTION)
    .where(
        subscriptions_table.c.region == bindparam("region"),
        subscriptions_table.c.arn > bindparam("after"),
    )
    .order_by(subscriptions_table.c.arn)
    .limit(bindparam("limit"))
)
_TO_ENDPOINT = Prepared(
    select(*_SUBSCRIPTION).where(
        subscriptions_table.c.topic_arn == bindparam("topic_arn"),
        subscriptions_table.c.protocol == bindparam("protocol"),
        subscriptions_table.c.endpoint == bindparam("endpoint"),
    )
)
_CONFIRMED = Prepared(
    select(*_SUBSCRIPTION)
    .where(
        subscriptions_table.c.topic_arn == bindparam("topic_arn"),
        subscriptions_table.c.confirmed_us.is_not(None),
    )
    .order_by(subscriptions_table.c.arn)
)
_COUNTED: list[ColumnElement[Any]] = [
    func.count(),
    func.count(subscriptions_table.c.confirmed_us),
]
_COUNTS = Prepared(
    select(*_COUNTED).where(subscriptions_table.c.topic_arn == bindparam("topic_arn"))
)
_DUE = Prepared(
    select(*_DELIVERY)
    .where(deliveries_table.c.next_us <= bindparam("now_us"))
    .order_by(deliveries_table.c.next_us, deliveries_table.c.created_us)
    .limit(bindparam("limit"))
)


def get(connection: Connection, arn: str) -> TopicRow | None:
    """Return a topic."""
    row = _BY_ARN.first(connection, arn=arn)
    return None if row is None else TopicRow(*row)


def page(connection: Connection, region: str, *, after: str, limit: int) -> list[TopicRow]:
    """Return topics of a region by name, those after a name."""
    found = _TOPIC_PAGE.all(connection, region=region, after=after, limit=limit)
    return [TopicRow(*row) for row in found]


def insert(connection: Connection, row: TopicRow) -> None:
    """Add a topic."""
    values = {item.name: getattr(row, item.name) for item in fields(row)}
    connection.execute(topics_table.insert().values(**values))


def change(connection: Connection, arn: str, **values: object) -> None:
    """Set columns of a topic."""
    connection.execute(update(topics_table).where(topics_table.c.arn == arn).values(**values))


def remove(connection: Connection, arn: str) -> None:
    """Delete a topic with its tags and subscriptions; deliveries under way are still made."""
    connection.execute(delete(topics_table).where(topics_table.c.arn == arn))
    connection.execute(delete(subscriptions_table).where(subscriptions_table.c.topic_arn == arn))
    tags.drop_all(connection, arn)


def subscription(connection: Connection, arn: str) -> SubscriptionRow | None:
    """Return a subscription."""
    row = _SUBSCRIPTION_BY_ARN.first(connection, arn=arn)
    return None if row is None else SubscriptionRow(*row)


def subscription_of_token(connection: Connection, digest: str) -> SubscriptionRow | None:
    """Return the subscription that a token confirms."""
    row = _BY_TOKEN.first(connection, digest=digest)
    return None if row is None else SubscriptionRow(*row)


def subscription_to(
    connection: Connection, topic_arn: str, protocol: str, endpoint: str
) -> SubscriptionRow | None:
    """Return the subscription of an endpoint to a topic."""
    row = _TO_ENDPOINT.first(connection, topic_arn=topic_arn, protocol=protocol, endpoint=endpoint)
    return None if row is None else SubscriptionRow(*row)


def subscriptions_of_topic(
    connection: Connection, topic_arn: str, *, after: str, limit: int
) -> list[SubscriptionRow]:
    """Return subscriptions of a topic by ARN, those after one."""
    found = _OF_TOPIC.all(connection, topic_arn=topic_arn, after=after, limit=limit)
    return [SubscriptionRow(*row) for row in found]


def subscriptions_of_region(
    connection: Connection, region: str, *, after: str, limit: int
) -> list[SubscriptionRow]:
    """Return subscriptions of a region by ARN, those after one."""
    found = _OF_REGION.all(connection, region=region, after=after, limit=limit)
    return [SubscriptionRow(*row) for row in found]


def confirmed(connection: Connection, topic_arn: str) -> list[SubscriptionRow]:
    """Return every subscription that a topic's messages go to."""
    return [SubscriptionRow(*row) for row in _CONFIRMED.all(connection, topic_arn=topic_arn)]


def counts(connection: Connection, topic_arn: str) -> tuple[int, int]:
    """Return how many subscriptions of a topic are confirmed and how many pending."""
    row = _COUNTS.first(connection, topic_arn=topic_arn)
    assert row is not None
    return int(row[1]), int(row[0]) - int(row[1])


def insert_subscription(connection: Connection, row: SubscriptionRow) -> None:
    """Add a subscription."""
    values = {item.name: getattr(row, item.name) for item in fields(row)}
    connection.execute(subscriptions_table.insert().values(**values))


def change_subscription(connection: Connection, arn: str, **values: object) -> None:
    """Set columns of a subscription."""
    connection.execute(
        update(subscriptions_table).where(subscriptions_table.c.arn == arn).values(**values)
    )


def remove_subscription(connection: Connection, row: SubscriptionRow) -> None:
    """Delete a subscription; its topic counts it."""
    connection.execute(delete(subscriptions_table).where(subscriptions_table.c.arn == row.arn))
    connection.execute(
        update(topics_table)
        .where(topics_table.c.arn == row.topic_arn)
        .values(subscriptions_deleted=topics_table.c.subscriptions_deleted + 1)
    )


def insert_delivery(connection: Connection, row: DeliveryRow) -> None:
    """Add a delivery."""
    values: dict[str, Any] = {item.name: getattr(row, item.name) for item in fields(row)}
    connection.execute(deliveries_table.insert().values(**values))


def due_deliveries(connection: Connection, now_us: int, limit: int) -> list[DeliveryRow]:
    """Return deliveries whose time has come, the longest waiting first."""
    return [DeliveryRow(*row) for row in _DUE.all(connection, now_us=now_us, limit=limit)]


def next_delivery_us(connection: Connection, besides: Sequence[str] = ()) -> int | None:
    """Return when the next delivery is due, or None where none waits.

    Args:
        besides: ids of those that do not count.
    """
    asked = select(func.min(deliveries_table.c.next_us)).where(
        deliveries_table.c.id.not_in(besides)
    )
    found: int | None = connection.execute(asked).scalar()
    return found


def postpone_delivery(
    connection: Connection, delivery_id: str, attempts: int, next_us: int
) -> None:
    """Set when a delivery is tried again."""
    connection.execute(
        update(deliveries_table)
        .where(deliveries_table.c.id == delivery_id)
        .values(attempts=attempts, next_us=next_us)
    )


def remove_delivery(connection: Connection, delivery_id: str) -> None:
    """Delete a delivery that was made, or given up."""
    connection.execute(delete(deliveries_table).where(deliveries_table.c.id == delivery_id))
