"""Tables of identity and access management: who there is, what they may, and their keys.

Users, groups, roles, customer-managed policies and instance profiles are rows of one table: they have the same
unique id, path, name and listing order, and what else they know is read and written whole. Names are unique within
a kind regardless of case, as AWS has it. Policies of AWS itself are files, not rows; attachments name them by ARN.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    event,
)

from outcrop.storage.database.tables import metadata

iam_entities = Table(
    "iam_entities",
    metadata,
    Column("id", Text, primary_key=True),  # "AIDA…", "AROA…", "AGPA…", "ANPA…", "AIPA…"
    Column("kind", Text, nullable=False),  # "user", "role", "group", "policy", "instance-profile"
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # the name in lower case
    Column("path", Text, nullable=False),
    Column("arn", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("boundary_arn", Text),
    Column("detail_json", Text, nullable=False),
    Index("uq_iam_entities_kind_name_key", "kind", "name_key", unique=True),
    Index("uq_iam_entities_arn", "arn", unique=True),
)

iam_policy_versions = Table(
    "iam_policy_versions",
    metadata,
    Column("policy_id", Text, ForeignKey("iam_entities.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("document", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

iam_inline_policies = Table(
    "iam_inline_policies",
    metadata,
    Column("owner_id", Text, ForeignKey("iam_entities.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

iam_attachments = Table(
    "iam_attachments",
    metadata,
    Column("owner_id", Text, ForeignKey("iam_entities.id", ondelete="CASCADE"), primary_key=True),
    Column("policy_arn", Text, primary_key=True),
    Index("ix_iam_attachments_policy_arn", "policy_arn"),
)

# Users in groups, and the role of an instance profile.
iam_members = Table(
    "iam_members",
    metadata,
    Column("group_id", Text, ForeignKey("iam_entities.id", ondelete="CASCADE"), primary_key=True),
    Column("member_id", Text, ForeignKey("iam_entities.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_iam_members_member_id", "member_id"),
)

iam_tags = Table(
    "iam_tags",
    metadata,
    Column("owner_id", Text, ForeignKey("iam_entities.id", ondelete="CASCADE"), primary_key=True),
    Column("key_key", Text, primary_key=True),  # the key in lower case: IAM's keys ignore case
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
)

iam_access_keys = Table(
    "iam_access_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("iam_entities.id", ondelete="CASCADE"), nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Index("ix_iam_access_keys_user_id", "user_id"),
)

iam_service_credentials = Table(
    "iam_service_credentials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("iam_entities.id", ondelete="CASCADE"), nullable=False),
    Column("service", Text, nullable=False),
    Column("alias", Text, nullable=False),
    # SHA-256 of the secret, which is random and long: it is looked up by it and never shown again.
    Column("secret_sha256", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Index("uq_iam_service_credentials_secret_sha256", "secret_sha256", unique=True),
    Index("ix_iam_service_credentials_user_id", "user_id"),
)

# When an access key or a role was last used; kept apart since it changes without changing any decision.
iam_last_used = Table(
    "iam_last_used",
    metadata,
    Column("id", Text, primary_key=True),
    Column("used_us", BigInteger, nullable=False),
    Column("region", Text, nullable=False),
    Column("service", Text, nullable=False),
)

# "generation": raised by every change that may alter a decision; "account-alias".
iam_settings = Table(
    "iam_settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


@event.listens_for(iam_settings, "after_create")
def _begin_generations(_table: Table, connection: Connection, **_options: object) -> None:
    connection.execute(iam_settings.insert().values(name="generation", value="0"))
