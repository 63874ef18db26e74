"""Event rules and their targets."""

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add the tables."""
