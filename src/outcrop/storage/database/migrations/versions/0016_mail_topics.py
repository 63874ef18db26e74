"""Mail identities, the outbox, topics and subscriptions."""

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the tables."""
