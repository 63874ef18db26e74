"""State machines, their versions and aliases, and activities."""

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the tables."""
