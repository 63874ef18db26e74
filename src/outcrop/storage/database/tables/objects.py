"""Tables of the object store: buckets, objects, their former versions, and multipart uploads.

Content lies in files; a row names its file by `content_id`. Keys are compared byte by byte in UTF-8, as
S3 orders them, so that a listing is one range scan of the primary key.

What a key shows lies in `objects`, at most one row a key. What lies behind it, and delete markers whether they are the
newest or not, is in `object_versions`.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from outcrop.storage.database.tables import metadata

# SQLite compares text byte by byte unless told otherwise; PostgreSQL by the database's language.
KeyText = Text().with_variant(Text(collation="C"), "postgresql")

buckets = Table(
    "buckets",
    metadata,
    Column("name", KeyText, primary_key=True),
    Column("region", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # "" until it is first enabled, then Enabled or Suspended.
    Column("versioning", Text, nullable=False, server_default=text("''")),
    # The default encryption that was configured, as S3 spells it; "" for SSE-S3.
    Column("encryption_json", Text, nullable=False, server_default=text("''")),
    sqlite_with_rowid=False,
)


def _sealing() -> list[Column[Any]]:
    """How content is sealed: "" in clear (homes of the first schemas), AES256, aws:kms or SSE-C."""
    return [
        Column("sealing", Text, nullable=False, server_default=text("''")),
        # The data key, wrapped by this server's key, by a KMS key or by the customer's.
        Column("sealed_key", LargeBinary),
        Column("sealing_json", Text, nullable=False, server_default=text("''")),
    ]


def _content() -> list[Column[Any]]:
    return [
        Column("size_bytes", BigInteger, nullable=False),
        Column("etag", Text, nullable=False),
        Column("last_modified_us", BigInteger, nullable=False),
        Column("storage_class", Text, nullable=False),
        # 0 for an object put whole: its file is named by content_id; else see object_parts.
        Column("parts_count", Integer, nullable=False),
        Column("headers_json", Text, nullable=False),
        Column("metadata_json", Text, nullable=False),
        Column("checksum_algorithm", Text),
        Column("checksum_value", Text),
        Column("checksum_type", Text),
        Column("version_id", Text, nullable=False, server_default="null"),
        # The upload that made it, so that completing it again can be answered; "" for others.
        Column("upload_id", Text, nullable=False, server_default=text("''")),
        Column("tags_json", Text, nullable=False, server_default=text("''")),
        *_sealing(),
    ]


objects = Table(
    "objects",
    metadata,
    Column("bucket", KeyText, ForeignKey("buckets.name"), primary_key=True),
    Column("key", KeyText, primary_key=True),
    Column("content_id", Text, nullable=False, unique=True),
    *_content(),
    # Falls with each newer version of a key.
    Column("recency", BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)

object_versions = Table(
    "object_versions",
    metadata,
    Column("bucket", KeyText, ForeignKey("buckets.name"), primary_key=True),
    Column("key", KeyText, primary_key=True),
    # Newest first within a key, so that a listing needs no sorting.
    Column("recency", BigInteger, primary_key=True, autoincrement=False),
    Column("is_marker", Integer, nullable=False),
    Column("content_id", Text, nullable=False),  # "" for delete markers
    *_content(),
    Index("ix_object_versions_content_id", "content_id"),
    sqlite_with_rowid=False,
)

# The parts that a completed multipart upload left the object with: its content stays in their files.
object_parts = Table(
    "object_parts",
    metadata,
    # Of the object or version: no foreign key, as its row moves from one table to the other.
    Column("object_content_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("content_id", Text, nullable=False),
    Column("offset_bytes", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("checksum_value", Text),
    sqlite_with_rowid=False,
)

uploads = Table(
    "uploads",
    metadata,
    Column("upload_id", Text, primary_key=True),
    Column("bucket", KeyText, ForeignKey("buckets.name"), nullable=False),
    Column("key", KeyText, nullable=False),
    Column("initiated_us", BigInteger, nullable=False),
    Column("storage_class", Text, nullable=False),
    Column("headers_json", Text, nullable=False),
    Column("metadata_json", Text, nullable=False),
    Column("checksum_algorithm", Text),
    Column("checksum_type", Text),
    Column("tags_json", Text, nullable=False, server_default=text("''")),
    *_sealing(),
    Index("ix_uploads_bucket_key", "bucket", "key", "upload_id"),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    Column(
        "upload_id", Text, ForeignKey("uploads.upload_id", ondelete="CASCADE"), primary_key=True
    ),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content_id", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("etag", Text, nullable=False),
    Column("last_modified_us", BigInteger, nullable=False),
    Column("checksum_value", Text),
    sqlite_with_rowid=False,
)
