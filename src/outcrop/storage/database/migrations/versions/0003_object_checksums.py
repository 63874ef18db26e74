"""Checksums that clients ask for, beside the MD5 of the entity tag."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; objects put before have no checksum, as S3 says of its own old objects."""
    for name in ("checksum_algorithm", "checksum_value", "checksum_type"):
        op.add_column("objects", sa.Column(name, sa.Text(), nullable=True))
    for name in ("checksum_algorithm", "checksum_type"):
        op.add_column("uploads", sa.Column(name, sa.Text(), nullable=True))
    for table in ("object_parts", "upload_parts"):
        op.add_column(table, sa.Column("checksum_value", sa.Text(), nullable=True))
