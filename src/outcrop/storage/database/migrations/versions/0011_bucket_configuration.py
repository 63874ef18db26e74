"""What can be configured of a bucket; locks and access control lists of objects."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "bucket_configurations",
        sa.Column("bucket", _KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("document_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "kind", "item", name="pk_bucket_configurations"),
        sa.ForeignKeyConstraint(
            ["bucket"],
            ["buckets.name"],
            name="fk_bucket_configurations_bucket_buckets",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "object_locks",
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("retain_until_us", sa.BigInteger(), nullable=False),
        sa.Column("has_legal_hold", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("content_id", name="pk_object_locks"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "object_acls",
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("grants_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("content_id", name="pk_object_acls"),
        sqlite_with_rowid=False,
    )
