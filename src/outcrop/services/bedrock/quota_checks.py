"""Quotas of Bedrock: asked in the transaction that makes something, so that two requests cannot share the last place."""

from sqlalchemy import Connection

from outcrop.governance.quota_catalogue import (
    CREATING_DEPLOYMENTS,
    CUSTOM_MODELS,
    DEPLOYMENTS,
    INFERENCE_PROFILES,
    SCHEDULED_JOBS,
    UNITS_OF_BASE_MODELS,
    UNITS_OF_CUSTOM_MODELS,
    UNITS_PER_MODEL,
    Quota,
)
from outcrop.services.platform import Context
from outcrop.storage import usage


def check_job(connection: Connection, context: Context) -> None:
    """Make sure that one more customization job, and the model that it makes, may be.

    Raises:
        ServiceQuotaExceededException: too many jobs wait or run, or too many custom models.
    """
    jobs = usage.unfinished_jobs(connection, context.region) + 1
    _check(SCHEDULED_JOBS, jobs, context)
    models = usage.custom_model_count(connection, context.region)
    _check(CUSTOM_MODELS, models + jobs, context)


def check_deployment(connection: Connection, context: Context) -> None:
    """Make sure that one more custom model deployment may be.

    Raises:
        ServiceQuotaExceededException: too many deployments, or too many that are being created.
    """
    _check(DEPLOYMENTS, usage.deployment_count(connection, context.region) + 1, context)
    creating = usage.creating_deployments(connection, context.region) + 1
    _check(CREATING_DEPLOYMENTS, creating, context)


def check_throughput(
    connection: Connection, context: Context, *, units: int, model_arn: str, is_committed: bool
) -> None:
    """Make sure that a provisioned model may have so many model units.

    Raises:
        ServiceQuotaExceededException: too many for one, or, without a commitment, in total.
    """
    _check(UNITS_PER_MODEL, units, context)
    if is_committed:
        return
    is_custom = ":custom-model/" in model_arn
    used = usage.uncommitted_units(connection, context.region, of_custom_models=is_custom)
    quota = UNITS_OF_CUSTOM_MODELS if is_custom else UNITS_OF_BASE_MODELS
    _check(quota, used + units, context)


def check_profile(connection: Connection, context: Context) -> None:
    """Make sure that one more inference profile of the account's own may be.

    Raises:
        ServiceQuotaExceededException: there are too many.
    """
    profiles = usage.profile_count(connection, context.region) + 1
    _check(INFERENCE_PROFILES, profiles, context)


def _check(quota: Quota, used: float, context: Context) -> None:
    context.platform.quotas.check(quota.service, quota.code, used, region=context.region)
