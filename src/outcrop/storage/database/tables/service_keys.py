"""Keys that the services use when nobody names a KMS key, each wrapped by the root of trust."""

from sqlalchemy import Column, LargeBinary, Table, Text

from outcrop.storage.database.tables import metadata

service_keys = Table(
    "service_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)
