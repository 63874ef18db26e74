"""Functions, their versions, aliases and policies."""

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the tables."""
