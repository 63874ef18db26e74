"""Metrics, a row for each of their minutes, and where invocations are logged to."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from outcrop.storage.database.tables import metadata

metrics = Table(
    "metrics",
    metadata,
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("name", Text, nullable=False),
    # JSON object, keys in order.
    Column("dimensions", Text, nullable=False),
    Column("last_minute", BigInteger, nullable=False),
    Index("ix_metrics_region_namespace_name", "region", "namespace", "name"),
)

metric_minutes = Table(
    "metric_minutes",
    metadata,
    Column("metric_id", Text, ForeignKey(metrics.c.id, ondelete="CASCADE"), nullable=False),
    # Since the epoch.
    Column("minute", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("samples", Double, nullable=False),
    Column("total", Double, nullable=False),
    Column("lowest", Double, nullable=False),
    Column("highest", Double, nullable=False),
    # JSON object: value to three digits → samples; what percentiles are told from. "" where it is not known.
    Column("spread", Text, nullable=False),
    PrimaryKeyConstraint("metric_id", "minute", "unit"),
    Index("ix_metric_minutes_minute", "minute"),
)

invocation_logging = Table(
    "invocation_logging",
    metadata,
    Column("region", Text, primary_key=True),
    Column("configuration_json", Text, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
)
