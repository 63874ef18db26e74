"""An index of the audit trail, for lookups."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the tables."""
