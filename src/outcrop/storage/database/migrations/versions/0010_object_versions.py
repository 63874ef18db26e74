"""Versions, tags and encryption of objects."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the tables."""
