"""KMS keys, their material, aliases and grants, and which root of trust wraps all of it.

A key's `revision` grows with every change to it, its tags, aliases and grants: what was worked out from a key may be
kept for as long as its revision stays.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from outcrop.storage.database.tables import metadata

kms_keys = Table(
    "kms_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("arn", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # KeyState of storage/kms_keys/keys.py by value.
    Column("state", Text, nullable=False),
    Column("deletion_us", BigInteger),
    Column("pending_days", Integer),
    Column("description", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("usage", Text, nullable=False),
    Column("origin", Text, nullable=False),
    # AWS's service that the key belongs to (then AWS manages it), or "" for a customer's key.
    Column("service", Text, nullable=False),
    Column("policy", Text, nullable=False),
    # Material that encrypts now.
    Column("material_id", Text, nullable=False),
    # Days between automatic rotations, NULL where they are off.
    Column("rotation_days", Integer),
    Column("rotation_due_us", BigInteger),
    Column("rotations_on_demand", Integer, nullable=False),
    Index("ix_kms_keys_region_id", "region", "id"),
    Index("ix_kms_keys_deletion_us", "deletion_us"),
)

kms_materials = Table(
    "kms_materials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    # 0 for a key's first material.
    Column("number", Integer, nullable=False),
    # The secret under the root of trust, bound to key and material id.
    Column("wrapped", LargeBinary, nullable=False),
    # SubjectPublicKeyInfo of asymmetric keys.
    Column("public_key", LargeBinary),
    Column("created_us", BigInteger, nullable=False),
    # AUTOMATIC or ON_DEMAND; NULL for the first.
    Column("rotation_type", Text),
    Index("ix_kms_materials_key_id_number", "key_id", "number", unique=True),
)

kms_aliases = Table(
    "kms_aliases",
    metadata,
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("modified_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("region", "name"),
    Index("ix_kms_aliases_key_id_name", "key_id", "name"),
    sqlite_with_rowid=False,
)

kms_grants = Table(
    "kms_grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("grantee", Text, nullable=False),
    Column("retiring", Text, nullable=False),
    # Account root of who created it.
    Column("issuer", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # Operations and constraints by wire name.
    Column("operations_json", Text, nullable=False),
    Column("constraints_json", Text, nullable=False),
    Index("ix_kms_grants_key_id_id", "key_id", "id"),
    Index("ix_kms_grants_region_retiring_id", "region", "retiring", "id"),
)

root_of_trust = Table(
    "root_of_trust",
    metadata,
    # One row, so that there is one root of trust.
    Column("id", Integer, primary_key=True, autoincrement=False),
    # "file", or "vault:" and the URL of the transit key.
    Column("name", Text, nullable=False),
    # A known value that it wrapped: what opens it is the same root.
    Column("proof", LargeBinary, nullable=False),
)
