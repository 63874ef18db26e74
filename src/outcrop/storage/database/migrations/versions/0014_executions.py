"""Executions of state machines and their journals."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "execution_revisions",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_execution_revisions"),
    )
    op.create_table(
        "executions",
        sa.Column("id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("machine_arn", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("version_arn", sa.Text(), nullable=False),
        sa.Column("alias_arn", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("stopped_us", sa.BigInteger(), nullable=True),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.Column("trace_header", sa.Text(), nullable=False),
        sa.Column("map_run_arn", sa.Text(), nullable=False),
        sa.Column("item_index", sa.BigInteger(), nullable=False),
        sa.Column("item_count", sa.BigInteger(), nullable=False),
        sa.Column("redrive_count", sa.Integer(), nullable=False),
        sa.Column("redriven_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_executions"),
    )
    op.create_index(
        "ix_executions_machine_started", "executions", ["machine_arn", "started_us", "id"]
    )
    op.create_index(
        "ix_executions_map_run_started", "executions", ["map_run_arn", "started_us", "id"]
    )
    op.create_index("ix_executions_status", "executions", ["status"])
    op.create_index("ux_executions_arn", "executions", ["arn"], unique=True)
    op.create_table(
        "execution_events",
        sa.Column("execution_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "number", name="pk_execution_events"),
    )
    op.create_table(
        "map_runs",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("execution_arn", sa.Text(), nullable=False),
        sa.Column("machine_arn", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("stopped_us", sa.BigInteger(), nullable=True),
        sa.Column("max_concurrency", sa.BigInteger(), nullable=False),
        sa.Column("tolerated_failure_percentage", sa.Float(), nullable=False),
        sa.Column("tolerated_failure_count", sa.BigInteger(), nullable=False),
        sa.Column("item_total", sa.BigInteger(), nullable=False),
        sa.Column("child_total", sa.BigInteger(), nullable=False),
        sa.Column("results_written", sa.BigInteger(), nullable=False),
        sa.Column("redrive_count", sa.Integer(), nullable=False),
        sa.Column("redriven_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("arn", name="pk_map_runs"),
    )
    op.create_index("ix_map_runs_execution_started", "map_runs", ["execution_arn", "started_us"])
    op.create_table(
        "map_run_inputs",
        sa.Column("map_run_arn", sa.Text(), nullable=False),
        sa.Column("first_index", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("map_run_arn", "first_index", name="pk_map_run_inputs"),
    )
