"""Functions, their versions, aliases and policies."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the tables."""
    _add_functions()
    _add_what_belongs_to_functions()
    _add_events_and_layers()


def _add_functions() -> None:
    op.create_table(
        "functions",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.Column("reserved_concurrency", sa.Integer()),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_functions")),
    )
    op.create_index("uq_functions_region_name", "functions", ["region", "name"], unique=True)
    op.create_table(
        "function_packages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_function_packages")),
    )
    op.create_table(
        "function_versions",
        sa.Column("function_arn", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("revision_id", sa.Text(), nullable=False),
        sa.Column("settings_json", sa.Text(), nullable=False),
        sa.Column("environment", sa.LargeBinary()),
        sa.Column("environment_key", sa.LargeBinary()),
        sa.Column("kms_key_arn", sa.Text()),
        sa.Column("grant_id", sa.Text()),
        sa.Column("package_id", sa.Text()),
        sa.Column("code_sha256", sa.Text(), nullable=False),
        sa.Column("code_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_us", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason_code", sa.Text()),
        sa.Column("state_reason", sa.Text()),
        sa.Column("update_status", sa.Text()),
        sa.Column("published_as", sa.Text()),
        sa.PrimaryKeyConstraint("function_arn", "version", name=op.f("pk_function_versions")),
        _of_function("function_versions"),
        _of_package("function_versions"),
    )
    op.create_index("ix_function_versions_package_id", "function_versions", ["package_id"])


def _add_what_belongs_to_functions() -> None:
    op.create_table(
        "function_aliases",
        sa.Column("function_arn", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("weights_json", sa.Text(), nullable=False),
        sa.Column("revision_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("function_arn", "name", name=op.f("pk_function_aliases")),
        _of_function("function_aliases"),
    )
    op.create_table(
        "function_policies",
        sa.Column("function_arn", sa.Text(), nullable=False),
        sa.Column("qualifier", sa.Text(), nullable=False),
        sa.Column("statements_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("function_arn", "qualifier", name=op.f("pk_function_policies")),
        _of_function("function_policies"),
    )
    op.create_table(
        "function_event_settings",
        sa.Column("function_arn", sa.Text(), nullable=False),
        sa.Column("qualifier", sa.Text(), nullable=False),
        sa.Column("settings_json", sa.Text(), nullable=False),
        sa.Column("modified_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "function_arn", "qualifier", name=op.f("pk_function_event_settings")
        ),
        _of_function("function_event_settings"),
    )


def _add_events_and_layers() -> None:
    op.create_table(
        "function_events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("function_arn", sa.Text(), nullable=False),
        sa.Column("qualifier", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("client_context", sa.Text(), nullable=False),
        sa.Column("accepted_us", sa.BigInteger(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_function_events")),
    )
    op.create_index("ix_function_events_due_us", "function_events", ["due_us"])
    op.create_table(
        "function_layers",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settings_json", sa.Text(), nullable=False),
        sa.Column("package_id", sa.Text()),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("deleted_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_function_layers")),
        _of_package("function_layers"),
    )
    op.create_index(
        "uq_function_layers_name", "function_layers", ["region", "name", "version"], unique=True
    )
    op.create_index("ix_function_layers_package_id", "function_layers", ["package_id"])


def _of_function(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["function_arn"],
        ["functions.arn"],
        name=op.f(f"fk_{table}_function_arn_functions"),
        ondelete="CASCADE",
    )


def _of_package(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["package_id"],
        ["function_packages.id"],
        name=op.f(f"fk_{table}_package_id_function_packages"),
    )
