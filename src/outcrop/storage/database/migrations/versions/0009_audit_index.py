"""Nothing: a number that was set aside for an index of the audit trail, which lookups turned out not to need."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Leave the tables as they are."""
