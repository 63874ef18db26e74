"""Quotas that were raised, and requests to raise them."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the tables."""
