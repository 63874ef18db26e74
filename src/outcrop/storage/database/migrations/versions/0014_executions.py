"""Executions of state machines and their journals."""

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the tables."""
