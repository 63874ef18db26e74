"""Metrics, and the configuration of the invocation log."""

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the tables."""
