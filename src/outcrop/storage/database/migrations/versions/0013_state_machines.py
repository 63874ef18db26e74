"""State machines, their versions and aliases, and activities."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "state_machines",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("revision_id", sa.Text(), nullable=False),
        sa.Column("role_arn", sa.Text(), nullable=False),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("logging_json", sa.Text(), nullable=False),
        sa.Column("tracing_json", sa.Text(), nullable=False),
        sa.Column("encryption_json", sa.Text(), nullable=False),
        sa.Column("created_by_json", sa.Text(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("arn", name="pk_state_machines"),
    )
    op.create_index(
        "uq_state_machines_region_name", "state_machines", ["region", "name"], unique=True
    )
    op.create_table(
        "state_machine_versions",
        sa.Column("machine_arn", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("revision_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("role_arn", sa.Text(), nullable=False),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("logging_json", sa.Text(), nullable=False),
        sa.Column("tracing_json", sa.Text(), nullable=False),
        sa.Column("encryption_json", sa.Text(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("machine_arn", "number", name="pk_state_machine_versions"),
        sa.ForeignKeyConstraint(
            ["machine_arn"],
            ["state_machines.arn"],
            name=op.f("fk_state_machine_versions_machine_arn_state_machines"),
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "state_machine_aliases",
        sa.Column("machine_arn", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("routing_json", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("machine_arn", "name", name="pk_state_machine_aliases"),
        sa.ForeignKeyConstraint(
            ["machine_arn"],
            ["state_machines.arn"],
            name=op.f("fk_state_machine_aliases_machine_arn_state_machines"),
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "activities",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("encryption_json", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("arn", name="pk_activities"),
    )
    op.create_index("uq_activities_region_name", "activities", ["region", "name"], unique=True)
