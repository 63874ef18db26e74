"""How much there is of what quotas limit."""

from sqlalchemy import BindParameter, Connection, bindparam, func, literal_column, or_, select

from outcrop.core.jobs import JobStatus
from outcrop.core.models import EndpointStatus
from outcrop.storage.database.tables.customization import (
    custom_models,
    customization_jobs,
    deployments,
    provisioned_throughputs,
)
from outcrop.storage.database.tables.inference_profiles import inference_profiles
from outcrop.storage.database.tables.kms_keys import kms_keys
from outcrop.storage.database.tables.objects import buckets
from outcrop.storage.prepared import Prepared

_REGION: BindParameter[str] = bindparam("region")
_JOBS = Prepared(
    select(func.count())
    .select_from(customization_jobs)
    .where(
        customization_jobs.c.region == _REGION,
        or_(
            customization_jobs.c.status == JobStatus.IN_PROGRESS,
            customization_jobs.c.status == JobStatus.STOPPING,
        ),
    )
)
_MODELS = Prepared(
    select(func.count()).select_from(custom_models).where(custom_models.c.region == _REGION)
)
_DEPLOYMENTS = Prepared(
    select(func.count()).select_from(deployments).where(deployments.c.region == _REGION)
)
_CREATING_DEPLOYMENTS = Prepared(
    select(func.count())
    .select_from(deployments)
    .where(deployments.c.region == _REGION, deployments.c.status == EndpointStatus.CREATING)
)
_PROFILES = Prepared(
    select(func.count())
    .select_from(inference_profiles)
    .where(inference_profiles.c.region == _REGION)
)
_KEYS = Prepared(
    select(func.count())
    .select_from(kms_keys)
    .where(kms_keys.c.region == _REGION, kms_keys.c.service == literal_column("''"))
)
_BUCKETS = Prepared(select(func.count()).select_from(buckets))
_UNITS = Prepared(
    select(
        provisioned_throughputs.c.desired_model_arn, provisioned_throughputs.c.model_units
    ).where(
        provisioned_throughputs.c.region == _REGION,
        provisioned_throughputs.c.commitment.is_(None),
    )
)


def unfinished_jobs(connection: Connection, region: str) -> int:
    """Return how many customization jobs of a region have not ended."""
    return _count(_JOBS, connection, region)


def custom_model_count(connection: Connection, region: str) -> int:
    """Return how many custom models a region has."""
    return _count(_MODELS, connection, region)


def deployment_count(connection: Connection, region: str) -> int:
    """Return how many custom model deployments a region has, in whatever state."""
    return _count(_DEPLOYMENTS, connection, region)


def creating_deployments(connection: Connection, region: str) -> int:
    """Return how many custom model deployments of a region are being created."""
    return _count(_CREATING_DEPLOYMENTS, connection, region)


def profile_count(connection: Connection, region: str) -> int:
    """Return how many inference profiles of its own the account has in a region."""
    return _count(_PROFILES, connection, region)


def customer_key_count(connection: Connection, region: str) -> int:
    """Return how many KMS keys of a region are the customer's, in any state."""
    return _count(_KEYS, connection, region)


def bucket_count(connection: Connection) -> int:
    """Return how many buckets the account has."""
    row = _BUCKETS.first(connection)
    return int(row[0]) if row else 0


def uncommitted_units(connection: Connection, region: str, *, of_custom_models: bool) -> int:
    """Return how many model units without commitment serve custom, or else base, models."""
    return sum(
        units
        for model_arn, units in _UNITS.all(connection, region=region)
        if (":custom-model/" in model_arn) is of_custom_models
    )


def _count(prepared: Prepared, connection: Connection, region: str) -> int:
    row = prepared.first(connection, region=region)
    return int(row[0]) if row else 0
