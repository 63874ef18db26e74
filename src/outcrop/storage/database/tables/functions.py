"""Functions: versions, aliases, policies, code packages, layers, and events that wait to be handled.

Environment variables and waiting payloads are sealed; code lies sealed in files beside the database.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from outcrop.storage.database.tables import metadata

functions = Table(
    "functions",
    metadata,
    # Without a qualifier.
    Column("arn", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # The number of the newest version ever published; numbers are never used again.
    Column("last_version", Integer, nullable=False),
    # NULL while the function shares what the account has left.
    Column("reserved_concurrency", Integer),
    Index("uq_functions_region_name", "region", "name", unique=True),
)

# A file of code: <home>/functions/packages/<id>, sealed under its own key.
function_packages = Table(
    "function_packages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    # Base64 of the SHA-256, as AWS tells it.
    Column("sha256", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
)

function_versions = Table(
    "function_versions",
    metadata,
    Column("function_arn", Text, ForeignKey(functions.c.arn, ondelete="CASCADE"), nullable=False),
    # "$LATEST" or a number.
    Column("version", Text, nullable=False),
    # 0 for $LATEST, so that it comes first in lists.
    Column("number", Integer, nullable=False),
    Column("revision_id", Text, nullable=False),
    Column("settings_json", Text, nullable=False),
    # Sealed JSON; NULL where nobody ever set variables.
    Column("environment", LargeBinary),
    # The data key of the variables under the KMS key; NULL where the service's own key seals them.
    Column("environment_key", LargeBinary),
    Column("kms_key_arn", Text),
    Column("grant_id", Text),
    # NULL for a container image.
    Column("package_id", Text, ForeignKey(function_packages.c.id)),
    Column("code_sha256", Text, nullable=False),
    Column("code_bytes", BigInteger, nullable=False),
    Column("modified_us", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_reason_code", Text),
    Column("state_reason", Text),
    # Of the last update; NULL until the function is made.
    Column("update_status", Text),
    # Of $LATEST: the version that it was published as and has not been changed since.
    Column("published_as", Text),
    PrimaryKeyConstraint("function_arn", "version"),
    Index("ix_function_versions_package_id", "package_id"),
)

function_aliases = Table(
    "function_aliases",
    metadata,
    Column("function_arn", Text, ForeignKey(functions.c.arn, ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("description", Text, nullable=False),
    # {version: share of the calls} besides `version`.
    Column("weights_json", Text, nullable=False),
    Column("revision_id", Text, nullable=False),
    PrimaryKeyConstraint("function_arn", "name"),
)

# Who else may call it: a policy for the function, for a version, for an alias.
function_policies = Table(
    "function_policies",
    metadata,
    Column("function_arn", Text, ForeignKey(functions.c.arn, ondelete="CASCADE"), nullable=False),
    # "" for the function itself.
    Column("qualifier", Text, nullable=False),
    Column("statements_json", Text, nullable=False),
    PrimaryKeyConstraint("function_arn", "qualifier"),
)

# What happens with events that a function was sent and that nobody waits for.
function_event_settings = Table(
    "function_event_settings",
    metadata,
    Column("function_arn", Text, ForeignKey(functions.c.arn, ondelete="CASCADE"), nullable=False),
    # "$LATEST", a version or an alias.
    Column("qualifier", Text, nullable=False),
    Column("settings_json", Text, nullable=False),
    Column("modified_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("function_arn", "qualifier"),
)

# Accepted and not yet handled to their end; no foreign key, so that an event outlives its function until it is noticed.
function_events = Table(
    "function_events",
    metadata,
    # The request's id, which stays the same at every attempt.
    Column("id", Text, primary_key=True),
    Column("function_arn", Text, nullable=False),
    Column("qualifier", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("client_context", Text, nullable=False),
    Column("accepted_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    # How often the function was called for it.
    Column("attempts", Integer, nullable=False),
    # How often it could not even be called in a row.
    Column("refusals", Integer, nullable=False),
    # What is left to be told once the function has had its say; sealed; NULL before.
    Column("outcome", LargeBinary),
    Index("ix_function_events_due_us", "due_us"),
)

function_layers = Table(
    "function_layers",
    metadata,
    # With the version.
    Column("arn", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("settings_json", Text, nullable=False),
    Column("package_id", Text, ForeignKey(function_packages.c.id)),
    Column("created_us", BigInteger, nullable=False),
    # Set when it is deleted: its number is never used again, and functions that use it go on doing so.
    Column("deleted_us", BigInteger),
    Index("uq_function_layers_name", "region", "name", "version", unique=True),
    Index("ix_function_layers_package_id", "package_id"),
)
