"""Tables of model customization: jobs, custom models, what serves them, tags and idempotency tokens.

Names are unique within a region. The JSON columns hold what is read and written whole; whatever is searched or
compared has a column of its own.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from outcrop.storage.database.tables import metadata

customization_jobs = Table(
    "customization_jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("arn", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("base_model_arn", Text, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("model_arn", Text, nullable=False),
    Column("customization_type", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("modified_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("failure_message", Text),
    # The members of the request that GetModelCustomizationJob repeats, by wire name.
    Column("request_json", Text, nullable=False),
    Column("phases_json", Text, nullable=False),
    Column("metrics_json", Text),
    # What the workflow works from: core.jobs.JobPlan.
    Column("plan_json", Text, nullable=False),
    Index("uq_customization_jobs_region_name", "region", "name", unique=True),
    Index("ix_customization_jobs_region_created", "region", "created_us", "id"),
)

custom_models = Table(
    "custom_models",
    metadata,
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("arn", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("base_model_arn", Text, nullable=False),
    Column("foundation_model_arn", Text, nullable=False),
    Column("customization_type", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("detail_json", Text, nullable=False),
    # "adapter" on the base, or "full" weights.
    Column("method", Text, nullable=False),
    # Id under which the catalogue answers (an alias keeps its own), and, where the weights lie on top of
    # another custom model's full weights, that model.
    Column("base_model_id", Text, nullable=False),
    Column("base_custom_model_id", Text),
    Index("uq_custom_models_region_name", "region", "name", unique=True),
    Index("ix_custom_models_region_created", "region", "created_us", "id"),
    Index("ix_custom_models_base_custom_model_id", "base_custom_model_id"),
)

provisioned_throughputs = Table(
    "provisioned_throughputs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("arn", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("model_arn", Text, nullable=False),
    Column("desired_model_arn", Text, nullable=False),
    Column("foundation_model_arn", Text, nullable=False),
    Column("model_units", Integer, nullable=False),
    Column("commitment", Text),
    Column("commitment_ends_us", BigInteger),
    Column("created_us", BigInteger, nullable=False),
    Column("modified_us", BigInteger, nullable=False),
    Column("failure_message", Text),
    # Counts updates: each is one workflow of its own.
    Column("generation", Integer, nullable=False),
    Index("uq_provisioned_throughputs_region_name", "region", "name", unique=True),
    Index("ix_provisioned_throughputs_region_created", "region", "created_us", "id"),
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("arn", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("model_arn", Text, nullable=False),
    Column("description", Text),
    Column("update_model_arn", Text),
    Column("update_status", Text),
    Column("created_us", BigInteger, nullable=False),
    Column("modified_us", BigInteger, nullable=False),
    Column("failure_message", Text),
    Column("generation", Integer, nullable=False),
    Index("uq_deployments_region_name", "region", "name", unique=True),
    Index("ix_deployments_region_created", "region", "created_us", "id"),
)

tags = Table(
    "tags",
    metadata,
    Column("resource_arn", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("resource_arn", "key"),
    sqlite_with_rowid=False,
)

idempotency_tokens = Table(
    "idempotency_tokens",
    metadata,
    Column("region", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("token", Text, nullable=False),
    # SHA-256 of the request without its token.
    Column("request_digest", Text, nullable=False),
    Column("response_json", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("region", "operation", "token"),
    sqlite_with_rowid=False,
)
