"""Log groups, streams and what is attached to them. Events lie in files: see storage/logs."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from outcrop.storage.database.tables import metadata

log_groups = Table(
    "log_groups",
    metadata,
    # Random, and never used again: files are found and sealed by it.
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("retention_days", Integer),
    Column("is_protected", Boolean, nullable=False),
    # The data key of its events, wrapped by the service's own key or by the KMS key.
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("kms_key_arn", Text),
    Column("policy", Text),
    Column("policy_changed_us", BigInteger),
    Index("uq_log_groups_region_name", "region", "name", unique=True),
)

log_streams = Table(
    "log_streams",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("group_id", Text, ForeignKey(log_groups.c.id, ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # Of events, in milliseconds; NULL while there are none.
    Column("first_ms", BigInteger),
    Column("last_ms", BigInteger),
    Column("ingested_ms", BigInteger),
    Column("next_sequence", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    # The journal file whose events these columns already tell of.
    Column("batch", BigInteger, nullable=False),
    Index("uq_log_streams_group_name", "group_id", "name", unique=True),
)

# Keys that a group had before it was given another: events sealed under them are still there.
log_former_keys = Table(
    "log_former_keys",
    metadata,
    Column("group_id", Text, ForeignKey(log_groups.c.id, ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("kms_key_arn", Text),
    PrimaryKeyConstraint("group_id", "number"),
)

log_policies = Table(
    "log_policies",
    metadata,
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("region", "name"),
)

metric_filters = Table(
    "metric_filters",
    metadata,
    Column("group_id", Text, ForeignKey(log_groups.c.id, ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("pattern", Text, nullable=False),
    Column("transformation_json", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("group_id", "name"),
)
