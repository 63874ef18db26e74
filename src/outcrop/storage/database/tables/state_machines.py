"""State machines, their versions and aliases, and activities."""

from sqlalchemy import (
    BigInteger,
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

state_machines = Table(
    "state_machines",
    metadata,
    Column("arn", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    # ACTIVE, or DELETING while executions are still ended.
    Column("status", Text, nullable=False),
    # "" until the first update.
    Column("revision_id", Text, nullable=False),
    Column("role_arn", Text, nullable=False),
    # Text; sealed where `wrapped_key` is a data key under a KMS key.
    Column("definition", LargeBinary, nullable=False),
    Column("wrapped_key", LargeBinary),
    # Members of the wire as they were given.
    Column("logging_json", Text, nullable=False),
    Column("tracing_json", Text, nullable=False),
    Column("encryption_json", Text, nullable=False),
    # What asked for the machine, for requests that ask again.
    Column("created_by_json", Text, nullable=False),
    # Numbers of versions are never given twice.
    Column("last_version", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Index("uq_state_machines_region_name", "region", "name", unique=True),
)

state_machine_versions = Table(
    "state_machine_versions",
    metadata,
    Column(
        "machine_arn", Text, ForeignKey(state_machines.c.arn, ondelete="CASCADE"), nullable=False
    ),
    Column("number", Integer, nullable=False),
    Column("revision_id", Text, nullable=False),
    Column("description", Text),
    Column("role_arn", Text, nullable=False),
    Column("definition", LargeBinary, nullable=False),
    Column("wrapped_key", LargeBinary),
    Column("logging_json", Text, nullable=False),
    Column("tracing_json", Text, nullable=False),
    Column("encryption_json", Text, nullable=False),
    # When the revision was made, and when it was published.
    Column("updated_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("machine_arn", "number"),
)

state_machine_aliases = Table(
    "state_machine_aliases",
    metadata,
    Column(
        "machine_arn", Text, ForeignKey(state_machines.c.arn, ondelete="CASCADE"), nullable=False
    ),
    Column("name", Text, nullable=False),
    Column("description", Text),
    # [[number of a version, weight], …]
    Column("routing_json", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("machine_arn", "name"),
)

activities = Table(
    "activities",
    metadata,
    Column("arn", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("encryption_json", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Index("uq_activities_region_name", "region", "name", unique=True),
)
