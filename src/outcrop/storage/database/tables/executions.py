"""Executions of state machines, the journals they are driven by, and map runs.

What users put in or get out (inputs, outputs, causes, events) is sealed under the service's own key.
"""

import sqlalchemy as sa

from outcrop.storage.database.tables import metadata

execution_revisions = sa.Table(
    "execution_revisions",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

executions = sa.Table(
    "executions",
    metadata,
    # Made by the engine before the row is written: milliseconds since 1970 above a counter.
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("arn", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("machine_arn", sa.Text, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("version_arn", sa.Text, nullable=False),
    sa.Column("alias_arn", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("started_us", sa.BigInteger, nullable=False),
    sa.Column("stopped_us", sa.BigInteger),
    sa.Column("input", sa.LargeBinary, nullable=False),
    sa.Column("result", sa.LargeBinary),  # output, error and cause
    sa.Column("trace_header", sa.Text, nullable=False),
    sa.Column("map_run_arn", sa.Text, nullable=False),
    sa.Column("item_index", sa.BigInteger, nullable=False),
    sa.Column("item_count", sa.BigInteger, nullable=False),
    sa.Column("redrive_count", sa.Integer, nullable=False),
    sa.Column("redriven_us", sa.BigInteger),
    sa.Index("ux_executions_arn", "arn", unique=True),
    sa.Index("ix_executions_machine_started", "machine_arn", "started_us", "id"),
    sa.Index("ix_executions_map_run_started", "map_run_arn", "started_us", "id"),
    sa.Index("ix_executions_status", "status"),
)

execution_events = sa.Table(
    "execution_events",
    metadata,
    sa.Column("execution_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # A chunk is what one execution wrote in one commit; its number, and the ids of its events.
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("first_id", sa.BigInteger, nullable=False),
    sa.Column("last_id", sa.BigInteger, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

map_runs = sa.Table(
    "map_runs",
    metadata,
    sa.Column("arn", sa.Text, primary_key=True),
    sa.Column("execution_arn", sa.Text, nullable=False),
    sa.Column("machine_arn", sa.Text, nullable=False),  # of its child executions, label included
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("started_us", sa.BigInteger, nullable=False),
    sa.Column("stopped_us", sa.BigInteger),
    sa.Column("max_concurrency", sa.BigInteger, nullable=False),
    sa.Column("tolerated_failure_percentage", sa.Float, nullable=False),
    sa.Column("tolerated_failure_count", sa.BigInteger, nullable=False),
    sa.Column("item_total", sa.BigInteger, nullable=False),
    sa.Column("child_total", sa.BigInteger, nullable=False),
    sa.Column("results_written", sa.BigInteger, nullable=False),
    sa.Column("redrive_count", sa.Integer, nullable=False),
    sa.Column("redriven_us", sa.BigInteger),
    sa.Index("ix_map_runs_execution_started", "execution_arn", "started_us"),
)

map_run_inputs = sa.Table(
    "map_run_inputs",
    metadata,
    sa.Column("map_run_arn", sa.Text, primary_key=True),
    sa.Column("first_index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
