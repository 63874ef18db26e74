"""Quotas whose value an administrator changed, and requests to raise them."""

from sqlalchemy import BigInteger, Column, Float, Index, PrimaryKeyConstraint, Table, Text

from outcrop.storage.database.tables import metadata

# Quotas that nobody changed have no row: their default is in governance/quota_catalogue.py.
service_quotas = Table(
    "service_quotas",
    metadata,
    # "" for quotas of the whole account.
    Column("region", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("modified_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("region", "service", "code"),
)

quota_requests = Table(
    "quota_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("desired_value", Float, nullable=False),
    Column("status", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("modified_us", BigInteger, nullable=False),
    Index("ix_quota_requests_created", "created_us", "id"),
)
