"""What can be configured of a bucket."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the tables."""
