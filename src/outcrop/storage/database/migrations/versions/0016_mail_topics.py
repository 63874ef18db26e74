"""Mail identities, the outbox, topics and subscriptions."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the tables."""
    _add_mail()
    _add_outbox()
    _add_topics()


def _add_mail() -> None:
    op.create_table(
        "mail_identities",
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("verified_us", sa.BigInteger(), nullable=True),
        sa.Column("code_digest", sa.Text(), nullable=True),
        sa.Column("code_expires_us", sa.BigInteger(), nullable=True),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("attributes_json", sa.Text(), nullable=False),
        sa.Column("policies_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("region", "name", name="pk_mail_identities"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mail_templates",
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("html", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("region", "name", name="pk_mail_templates"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mail_configuration_sets",
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("options_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("region", "name", name="pk_mail_configuration_sets"),
        sqlite_with_rowid=False,
    )


def _add_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipients_json", sa.Text(), nullable=False),
        sa.Column("pending_json", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("lineage_root", sa.Text(), nullable=True),
        sa.Column("lineage_run", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_lineage_root", "outbox", ["lineage_root"])
    op.create_index("ix_outbox_state_next_us", "outbox", ["state", "next_us"])
    op.create_index("ix_outbox_created_us", "outbox", ["created_us"])


def _add_topics() -> None:
    op.create_table(
        "sns_topics",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("attributes_json", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("subscriptions_deleted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("arn", name="pk_sns_topics"),
    )
    op.create_index("ix_sns_topics_region_name", "sns_topics", ["region", "name"], unique=True)
    op.create_table(
        "sns_subscriptions",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("topic_arn", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("confirmed_us", sa.BigInteger(), nullable=True),
        sa.Column("was_authenticated", sa.Integer(), nullable=False),
        sa.Column("needs_authentication", sa.Integer(), nullable=False),
        sa.Column("token_digest", sa.Text(), nullable=True),
        sa.Column("token_expires_us", sa.BigInteger(), nullable=True),
        sa.Column("link_base", sa.Text(), nullable=False),
        sa.Column("attributes_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("arn", name="pk_sns_subscriptions"),
    )
    op.create_index("ix_sns_subscriptions_topic_arn_arn", "sns_subscriptions", ["topic_arn", "arn"])
    op.create_index("ix_sns_subscriptions_region_arn", "sns_subscriptions", ["region", "arn"])
    op.create_index("ix_sns_subscriptions_token_digest", "sns_subscriptions", ["token_digest"])
    op.create_table(
        "sns_deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subscription_arn", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sns_deliveries"),
    )
    op.create_index("ix_sns_deliveries_next_us", "sns_deliveries", ["next_us"])
