"""Buckets, objects and multipart uploads."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the first tables of the object store."""
    op.create_table(
        "buckets",
        sa.Column("name", _KEY, nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_buckets"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "objects",
        sa.Column("bucket", _KEY, nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified_us", sa.BigInteger(), nullable=False),
        sa.Column("storage_class", sa.Text(), nullable=False),
        sa.Column("parts_count", sa.Integer(), nullable=False),
        sa.Column("headers_json", sa.Text(), nullable=False),
        sa.Column("metadata_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "key", name="pk_objects"),
        sa.ForeignKeyConstraint(["bucket"], ["buckets.name"], name="fk_objects_bucket_buckets"),
        sa.UniqueConstraint("content_id", name="uq_objects_content_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "object_parts",
        sa.Column("object_content_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("offset_bytes", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("object_content_id", "position", name="pk_object_parts"),
        sa.ForeignKeyConstraint(
            ["object_content_id"],
            ["objects.content_id"],
            name="fk_object_parts_object_content_id_objects",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "uploads",
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("bucket", _KEY, nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("initiated_us", sa.BigInteger(), nullable=False),
        sa.Column("storage_class", sa.Text(), nullable=False),
        sa.Column("headers_json", sa.Text(), nullable=False),
        sa.Column("metadata_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("upload_id", name="pk_uploads"),
        sa.ForeignKeyConstraint(["bucket"], ["buckets.name"], name="fk_uploads_bucket_buckets"),
    )
    op.create_index("ix_uploads_bucket_key", "uploads", ["bucket", "key", "upload_id"])
    op.create_table(
        "upload_parts",
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("upload_id", "number", name="pk_upload_parts"),
        sa.ForeignKeyConstraint(
            ["upload_id"],
            ["uploads.upload_id"],
            name="fk_upload_parts_upload_id_uploads",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
