"""Customization jobs, custom models, what serves them, tags and idempotency tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of model customization."""
    op.create_table(
        "customization_jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("base_model_arn", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("model_arn", sa.Text(), nullable=False),
        sa.Column("customization_type", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("modified_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("request_json", sa.Text(), nullable=False),
        sa.Column("phases_json", sa.Text(), nullable=False),
        sa.Column("metrics_json", sa.Text(), nullable=True),
        sa.Column("plan_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customization_jobs"),
    )
    op.create_index(
        "ix_customization_jobs_region_created", "customization_jobs", ["region", "created_us", "id"]
    )
    op.create_index(
        "uq_customization_jobs_region_name", "customization_jobs", ["region", "name"], unique=True
    )
    op.create_table(
        "custom_models",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("base_model_arn", sa.Text(), nullable=False),
        sa.Column("foundation_model_arn", sa.Text(), nullable=False),
        sa.Column("customization_type", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("detail_json", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("base_model_id", sa.Text(), nullable=False),
        sa.Column("base_custom_model_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_custom_models"),
    )
    op.create_index(
        "ix_custom_models_base_custom_model_id", "custom_models", ["base_custom_model_id"]
    )
    op.create_index(
        "ix_custom_models_region_created", "custom_models", ["region", "created_us", "id"]
    )
    op.create_index(
        "uq_custom_models_region_name", "custom_models", ["region", "name"], unique=True
    )
    op.create_table(
        "provisioned_throughputs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("model_arn", sa.Text(), nullable=False),
        sa.Column("desired_model_arn", sa.Text(), nullable=False),
        sa.Column("foundation_model_arn", sa.Text(), nullable=False),
        sa.Column("model_units", sa.Integer(), nullable=False),
        sa.Column("commitment", sa.Text(), nullable=True),
        sa.Column("commitment_ends_us", sa.BigInteger(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("modified_us", sa.BigInteger(), nullable=False),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_provisioned_throughputs"),
    )
    op.create_index(
        "ix_provisioned_throughputs_region_created",
        "provisioned_throughputs",
        ["region", "created_us", "id"],
    )
    op.create_index(
        "uq_provisioned_throughputs_region_name",
        "provisioned_throughputs",
        ["region", "name"],
        unique=True,
    )
    op.create_table(
        "deployments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("model_arn", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("update_model_arn", sa.Text(), nullable=True),
        sa.Column("update_status", sa.Text(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("modified_us", sa.BigInteger(), nullable=False),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
    )
    op.create_index("ix_deployments_region_created", "deployments", ["region", "created_us", "id"])
    op.create_index("uq_deployments_region_name", "deployments", ["region", "name"], unique=True)
    op.create_table(
        "tags",
        sa.Column("resource_arn", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("resource_arn", "key", name="pk_tags"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idempotency_tokens",
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("response_json", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("region", "operation", "token", name="pk_idempotency_tokens"),
        sqlite_with_rowid=False,
    )
