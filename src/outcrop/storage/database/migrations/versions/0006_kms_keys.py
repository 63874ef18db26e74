"""KMS keys, aliases and grants."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "kms_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("deletion_us", sa.BigInteger(), nullable=True),
        sa.Column("pending_days", sa.Integer(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("material_id", sa.Text(), nullable=False),
        sa.Column("rotation_days", sa.Integer(), nullable=True),
        sa.Column("rotation_due_us", sa.BigInteger(), nullable=True),
        sa.Column("rotations_on_demand", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kms_keys")),
    )
    op.create_index("ix_kms_keys_region_id", "kms_keys", ["region", "id"])
    op.create_index("ix_kms_keys_deletion_us", "kms_keys", ["deletion_us"])
    op.create_table(
        "kms_materials",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("rotation_type", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kms_materials")),
    )
    op.create_index(
        "ix_kms_materials_key_id_number", "kms_materials", ["key_id", "number"], unique=True
    )
    op.create_table(
        "kms_aliases",
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("modified_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("region", "name", name=op.f("pk_kms_aliases")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_kms_aliases_key_id_name", "kms_aliases", ["key_id", "name"])
    op.create_table(
        "kms_grants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("grantee", sa.Text(), nullable=False),
        sa.Column("retiring", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("operations_json", sa.Text(), nullable=False),
        sa.Column("constraints_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kms_grants")),
    )
    op.create_index("ix_kms_grants_key_id_id", "kms_grants", ["key_id", "id"])
    op.create_index("ix_kms_grants_region_retiring_id", "kms_grants", ["region", "retiring", "id"])
    op.create_table(
        "root_of_trust",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_root_of_trust")),
    )
