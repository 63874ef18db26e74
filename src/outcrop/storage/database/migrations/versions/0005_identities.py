"""Users, groups, roles, policies and access keys."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables, and the generation that every change of them raises."""
    op.create_table(
        "iam_entities",
        _text("id"),
        _text("kind"),
        _text("name"),
        _text("name_key"),
        _text("path"),
        _text("arn"),
        _time("created_us"),
        sa.Column("boundary_arn", sa.Text(), nullable=True),
        _text("detail_json"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_iam_entities")),
    )
    _index("uq_iam_entities_kind_name_key", "iam_entities", ["kind", "name_key"], unique=True)
    _index("uq_iam_entities_arn", "iam_entities", ["arn"], unique=True)
    op.create_table(
        "iam_policy_versions",
        _text("policy_id"),
        sa.Column("number", sa.Integer(), nullable=False),
        _text("document"),
        _time("created_us"),
        _belongs("iam_policy_versions", "policy_id"),
        sa.PrimaryKeyConstraint("policy_id", "number", name=op.f("pk_iam_policy_versions")),
    )
    op.create_table(
        "iam_inline_policies",
        _text("owner_id"),
        _text("name"),
        _text("document"),
        _belongs("iam_inline_policies", "owner_id"),
        sa.PrimaryKeyConstraint("owner_id", "name", name=op.f("pk_iam_inline_policies")),
    )
    op.create_table(
        "iam_attachments",
        _text("owner_id"),
        _text("policy_arn"),
        _belongs("iam_attachments", "owner_id"),
        sa.PrimaryKeyConstraint("owner_id", "policy_arn", name=op.f("pk_iam_attachments")),
    )
    _index("ix_iam_attachments_policy_arn", "iam_attachments", ["policy_arn"])
    op.create_table(
        "iam_members",
        _text("group_id"),
        _text("member_id"),
        _belongs("iam_members", "group_id"),
        _belongs("iam_members", "member_id"),
        sa.PrimaryKeyConstraint("group_id", "member_id", name=op.f("pk_iam_members")),
    )
    _index("ix_iam_members_member_id", "iam_members", ["member_id"])
    op.create_table(
        "iam_tags",
        _text("owner_id"),
        _text("key_key"),
        _text("key"),
        _text("value"),
        _belongs("iam_tags", "owner_id"),
        sa.PrimaryKeyConstraint("owner_id", "key_key", name=op.f("pk_iam_tags")),
    )
    _create_credentials()
    op.create_table(
        "iam_last_used",
        _text("id"),
        _time("used_us"),
        _text("region"),
        _text("service"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_iam_last_used")),
    )
    settings = op.create_table(
        "iam_settings",
        _text("name"),
        _text("value"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_iam_settings")),
    )
    op.bulk_insert(settings, [{"name": "generation", "value": "0"}])


def _create_credentials() -> None:
    op.create_table(
        "iam_access_keys",
        _text("id"),
        _text("user_id"),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        _text("status"),
        _time("created_us"),
        _belongs("iam_access_keys", "user_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_iam_access_keys")),
    )
    _index("ix_iam_access_keys_user_id", "iam_access_keys", ["user_id"])
    op.create_table(
        "iam_service_credentials",
        _text("id"),
        _text("user_id"),
        _text("service"),
        _text("alias"),
        _text("secret_sha256"),
        _text("status"),
        _time("created_us"),
        sa.Column("expires_us", sa.BigInteger(), nullable=True),
        _belongs("iam_service_credentials", "user_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_iam_service_credentials")),
    )
    _index(
        "uq_iam_service_credentials_secret_sha256",
        "iam_service_credentials",
        ["secret_sha256"],
        unique=True,
    )
    _index("ix_iam_service_credentials_user_id", "iam_service_credentials", ["user_id"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _belongs(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column],
        ["iam_entities.id"],
        ondelete="CASCADE",
        name=op.f(f"fk_{table}_{column}_iam_entities"),
    )


def _index(name: str, table: str, columns: list[str], *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique)
