"""What is configured of buckets, and what protects and opens single objects: locks and access control lists."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Table, Text

from outcrop.storage.database.tables import metadata
from outcrop.storage.database.tables.objects import KeyText

bucket_configurations = Table(
    "bucket_configurations",
    metadata,
    Column("bucket", KeyText, ForeignKey("buckets.name", ondelete="CASCADE"), primary_key=True),
    # Such as "cors"; see storage/bucket_configuration.py.
    Column("kind", Text, primary_key=True),
    # The id of one of several of a kind; "" where there can be one only.
    Column("item", Text, primary_key=True),
    Column("document_json", Text, nullable=False),
    sqlite_with_rowid=False,
)

# By content, which no two versions of objects share. What belongs to removed content goes with it.
object_locks = Table(
    "object_locks",
    metadata,
    Column("content_id", Text, primary_key=True),
    # GOVERNANCE or COMPLIANCE; "" without a retention.
    Column("mode", Text, nullable=False),
    Column("retain_until_us", BigInteger, nullable=False),
    Column("has_legal_hold", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

object_acls = Table(
    "object_acls",
    metadata,
    Column("content_id", Text, primary_key=True),
    Column("grants_json", Text, nullable=False),
    sqlite_with_rowid=False,
)
