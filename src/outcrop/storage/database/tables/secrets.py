"""Secrets, their versions and the staging labels on them. Values are sealed; nothing else is secret."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from outcrop.storage.database.tables import metadata

secrets = Table(
    "secrets",
    metadata,
    Column("arn", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    # As the caller named it; NULL for the service's own key.
    Column("kms_key_id", Text),
    Column("policy", Text),
    Column("rotation_json", Text),
    Column("created_us", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    # The day of the last reading, as AWS tells it.
    Column("accessed_us", BigInteger),
    # When it is gone; NULL while nobody deleted it.
    Column("deleted_us", BigInteger),
    Index("uq_secrets_region_name", "region", "name", unique=True),
    Index("ix_secrets_deleted", "deleted_us"),
)

secret_versions = Table(
    "secret_versions",
    metadata,
    Column("secret_arn", Text, ForeignKey(secrets.c.arn, ondelete="CASCADE"), nullable=False),
    Column("id", Text, nullable=False),
    # "string" or "binary": the member of the wire that it came in.
    Column("kind", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    # NULL for the service's own key; else `wrapped_key` is the data key under that KMS key.
    Column("kms_key_id", Text),
    Column("wrapped_key", LargeBinary),
    Column("created_us", BigInteger, nullable=False),
    Column("accessed_us", BigInteger),
    PrimaryKeyConstraint("secret_arn", "id"),
)

# A label is on one version of a secret at a time.
secret_stages = Table(
    "secret_stages",
    metadata,
    Column("secret_arn", Text, ForeignKey(secrets.c.arn, ondelete="CASCADE"), nullable=False),
    Column("stage", Text, nullable=False),
    Column("version_id", Text, nullable=False),
    PrimaryKeyConstraint("secret_arn", "stage"),
    sqlite_with_rowid=False,
)
