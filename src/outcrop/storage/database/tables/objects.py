"""Tables of the object store: buckets, objects and multipart uploads.

Content lies in files; a row names its file by `content_id`. Keys are compared byte by byte in UTF-8, as
S3 orders them, so that a listing is one range scan of the primary key.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from outcrop.storage.database.tables import metadata

# SQLite compares text byte by byte unless told otherwise; PostgreSQL by the database's language.
KeyText = Text().with_variant(Text(collation="C"), "postgresql")

buckets = Table(
    "buckets",
    metadata,
    Column("name", KeyText, primary_key=True),
    Column("region", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

objects = Table(
    "objects",
    metadata,
    Column("bucket", KeyText, ForeignKey("buckets.name"), primary_key=True),
    Column("key", KeyText, primary_key=True),
    Column("content_id", Text, nullable=False, unique=True),
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
    sqlite_with_rowid=False,
)

# The parts that a completed multipart upload left the object with: its content stays in their files.
object_parts = Table(
    "object_parts",
    metadata,
    Column(
        "object_content_id",
        Text,
        ForeignKey("objects.content_id", ondelete="CASCADE"),
        primary_key=True,
    ),
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
