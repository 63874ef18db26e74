"""Customization jobs and custom models."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of model customization."""
