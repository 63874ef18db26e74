"""The table of application inference profiles."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from outcrop.storage.database.tables import metadata

inference_profiles = Table(
    "inference_profiles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    # Not unique: AWS tells profiles apart by ARN.
    Column("name", Text, nullable=False),
    Column("arn", Text, nullable=False),
    Column("description", Text),
    # The foundation model or system-defined profile that it was copied from.
    Column("source_arn", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("modified_us", BigInteger, nullable=False),
    Index("ix_inference_profiles_region_created", "region", "created_us", "id"),
)
