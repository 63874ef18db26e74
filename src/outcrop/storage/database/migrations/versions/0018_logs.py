"""Log groups, streams and events."""

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the tables."""
