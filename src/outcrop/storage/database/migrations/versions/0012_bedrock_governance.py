"""Inference profiles, and the keys of models."""

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the tables."""
