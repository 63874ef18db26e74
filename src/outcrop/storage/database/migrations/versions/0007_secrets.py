"""Secrets and their versions."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "secrets",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("kms_key_id", sa.Text()),
        sa.Column("policy", sa.Text()),
        sa.Column("rotation_json", sa.Text()),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("accessed_us", sa.BigInteger()),
        sa.Column("deleted_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_secrets")),
    )
    op.create_index("uq_secrets_region_name", "secrets", ["region", "name"], unique=True)
    op.create_index("ix_secrets_deleted", "secrets", ["deleted_us"])
    op.create_table(
        "secret_versions",
        sa.Column("secret_arn", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kms_key_id", sa.Text()),
        sa.Column("wrapped_key", sa.LargeBinary()),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("accessed_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("secret_arn", "id", name=op.f("pk_secret_versions")),
        sa.ForeignKeyConstraint(
            ["secret_arn"],
            ["secrets.arn"],
            name=op.f("fk_secret_versions_secret_arn_secrets"),
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "secret_stages",
        sa.Column("secret_arn", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("secret_arn", "stage", name=op.f("pk_secret_stages")),
        sa.ForeignKeyConstraint(
            ["secret_arn"],
            ["secrets.arn"],
            name=op.f("fk_secret_stages_secret_arn_secrets"),
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
