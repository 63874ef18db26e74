"""Event buses, their rules and targets, and what has yet to be delivered."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from outcrop.storage.database.tables import metadata

# The bus "default" is in every region; it has a row once something of it was changed.
event_buses = Table(
    "event_buses",
    metadata,
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("modified_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("region", "name"),
)

event_rules = Table(
    "event_rules",
    metadata,
    Column("region", Text, nullable=False),
    Column("bus", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("pattern", Text, nullable=False),  # "" for none, as the next ones
    Column("schedule", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("role_arn", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # When the schedule fires next; NULL for rules that have none or are disabled.
    Column("next_us", BigInteger, nullable=True),
    PrimaryKeyConstraint("region", "bus", "name"),
    Index("ix_event_rules_next", "next_us"),
)

event_targets = Table(
    "event_targets",
    metadata,
    Column("region", Text, nullable=False),
    Column("bus", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("arn", Text, nullable=False),
    Column("document_json", Text, nullable=False),
    PrimaryKeyConstraint("region", "bus", "rule", "id"),
    Index("ix_event_targets_arn", "region", "arn"),
)

# One row for each target that has not got its event yet, whoever sends it.
event_deliveries = Table(
    "event_deliveries",
    metadata,
    Column("id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("service", Text, nullable=False),  # such as events.amazonaws.com: who sends it
    Column("source_arn", Text, nullable=False),
    Column("target_json", Text, nullable=False),
    Column("sealed_content", LargeBinary, nullable=False),
    Column("hops", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("id"),
    Index("ix_event_deliveries_next", "next_us"),
)
