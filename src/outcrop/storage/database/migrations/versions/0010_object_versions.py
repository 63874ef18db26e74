"""Versions, tags and encryption of objects."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add versions; objects put before are the null versions of their keys, and stay as they lie on disk."""
    for name in ("versioning", "encryption_json"):
        op.add_column(
            "buckets", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''"))
        )
    for column in _added_to_objects():
        op.add_column("objects", column)
    op.add_column(
        "objects", sa.Column("recency", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.execute("UPDATE objects SET recency = -last_modified_us")
    for column in _added_to_uploads():
        op.add_column("uploads", column)
    op.create_table(
        "object_versions",
        sa.Column("bucket", _KEY, nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("recency", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_marker", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified_us", sa.BigInteger(), nullable=False),
        sa.Column("storage_class", sa.Text(), nullable=False),
        sa.Column("parts_count", sa.Integer(), nullable=False),
        sa.Column("headers_json", sa.Text(), nullable=False),
        sa.Column("metadata_json", sa.Text(), nullable=False),
        sa.Column("checksum_algorithm", sa.Text()),
        sa.Column("checksum_value", sa.Text()),
        sa.Column("checksum_type", sa.Text()),
        *_added_to_objects(),
        sa.PrimaryKeyConstraint("bucket", "key", "recency", name="pk_object_versions"),
        sa.ForeignKeyConstraint(
            ["bucket"], ["buckets.name"], name="fk_object_versions_bucket_buckets"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_object_versions_content_id", "object_versions", ["content_id"])
    _free_object_parts()


def _added_to_uploads() -> list[sa.Column[Any]]:
    return [
        sa.Column("tags_json", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("sealing", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=True),
        sa.Column("sealing_json", sa.Text(), nullable=False, server_default=sa.text("''")),
    ]


def _added_to_objects() -> list[sa.Column[Any]]:
    return [
        sa.Column("version_id", sa.Text(), nullable=False, server_default="null"),
        sa.Column("upload_id", sa.Text(), nullable=False, server_default=sa.text("''")),
        *_added_to_uploads(),
    ]


def _free_object_parts() -> None:
    """Drop the foreign key of object_parts; SQLite can only do so by writing the table anew."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("fk_object_parts_object_content_id_objects", "object_parts")
        return
    op.create_table(
        "object_parts_freed",
        sa.Column("object_content_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("offset_bytes", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("checksum_value", sa.Text()),
        sa.PrimaryKeyConstraint("object_content_id", "position", name="pk_object_parts"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO object_parts_freed SELECT object_content_id, position, content_id, "
        "offset_bytes, size_bytes, checksum_value FROM object_parts"
    )
    op.drop_table("object_parts")
    op.rename_table("object_parts_freed", "object_parts")
