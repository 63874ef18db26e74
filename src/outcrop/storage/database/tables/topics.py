"""SNS topics, their subscriptions, and deliveries that are still to be made."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from outcrop.storage.database.tables import metadata

sns_topics = Table(
    "sns_topics",
    metadata,
    Column("arn", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # DisplayName, DeliveryPolicy, KmsMasterKeyId, SignatureVersion, …: what was set, by name, JSON.
    Column("attributes_json", Text, nullable=False),
    # The policy as it was written; "" for the default one.
    Column("policy", Text, nullable=False),
    Column("subscriptions_deleted", Integer, nullable=False),
    Index("ix_sns_topics_region_name", "region", "name", unique=True),
)

sns_subscriptions = Table(
    "sns_subscriptions",
    metadata,
    Column("arn", Text, primary_key=True),
    Column("topic_arn", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # ARN of who subscribed.
    Column("principal", Text, nullable=False),
    # NULL while the endpoint's owner has not confirmed.
    Column("confirmed_us", BigInteger),
    # 1 where the confirming call was signed by the topic's account, or none was needed.
    Column("was_authenticated", Integer, nullable=False),
    # 1 where only signed calls may end it.
    Column("needs_authentication", Integer, nullable=False),
    # SHA-256 of the token that confirms it, NULL where none is needed, and until when it does.
    Column("token_digest", Text),
    Column("token_expires_us", BigInteger),
    # Where the confirmation's and the messages' links lead: this server as the subscriber called it.
    Column("link_base", Text, nullable=False),
    Column("attributes_json", Text, nullable=False),
    Index("ix_sns_subscriptions_topic_arn_arn", "topic_arn", "arn"),
    Index("ix_sns_subscriptions_region_arn", "region", "arn"),
    Index("ix_sns_subscriptions_token_digest", "token_digest"),
)

sns_deliveries = Table(
    "sns_deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subscription_arn", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # What is sent, sealed under the service key of SNS.
    Column("content", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_us", BigInteger, nullable=False),
    Index("ix_sns_deliveries_next_us", "next_us"),
)
