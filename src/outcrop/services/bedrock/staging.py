"""Staging: copying a job's data from S3 into its folder, sealed, checking every line, and writing its job.json."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from outcrop.core import hyperparameters
from outcrop.core.datasets import limits_for, validate_file
from outcrop.core.errors import JobFailed
from outcrop.core.models import BaseModel
from outcrop.core.weights import Weights
from outcrop.crypto.sealed_folder import Sealing, buffered
from outcrop.governance.quota_catalogue import records_quota
from outcrop.services.bedrock.job_access import JobAccess
from outcrop.services.bedrock.s3_locations import S3Location
from outcrop.storage import models
from outcrop.training.job_folder import JOB_FILE, JobSpec

_TRAINING_PATH = "data/train.jsonl"
_VALIDATION_PATH = "data/validation.jsonl"


def stage(access: JobAccess, check_stop: Callable[[str], None]) -> None:
    """Fill the job's folder. Once job.json is there, it is complete and left as it is.

    Args:
        check_stop: called now and then with the job's id; raises to stop the work.

    Raises:
        JobFailed: an object cannot be read, or the model to train is gone.
        DatasetError: a line is wrong; names file and line.
    """
    if (access.folder / JOB_FILE).exists():
        return
    plan = access.row.plan
    base = access.platform.base_models.get(plan.base_model_id)
    sealing = access.seal_folder()
    quota = records_quota(base.family)
    region = access.row.region
    allowed = int(access.platform.quotas.value(quota.service, quota.code, region=region))
    files = [(plan.training_uri, _TRAINING_PATH)]
    if plan.validation_uri is not None:
        files.append((plan.validation_uri, _VALIDATION_PATH))
    records = 0
    for uri, path in files:
        target = access.folder / path
        _fetch(access, uri, target, sealing, check_stop)
        limits = limits_for(base.family, validation=path == _VALIDATION_PATH)
        # Each file has a limit of its own, which an increase of the quota raises; the quota is for both together.
        most = limits.max_records + max(0, allowed - int(quota.default))
        if allowed - records <= most:
            most = allowed - records
            advice = access.platform.quotas.excess(
                quota.service, quota.code, allowed + 1, region=region
            )
            limits = replace(limits, surplus_advice=advice)
        limits = replace(limits, max_records=most)
        summary = validate_file(target, uri, limits, buffered(sealing.open(target)))
        records += summary.records
        check_stop(access.row.id)
    _write_spec(access, base)


def _fetch(
    access: JobAccess,
    uri: str,
    target: Path,
    sealing: Sealing,
    check_stop: Callable[[str], None],
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with sealing.writing(target) as sealer:
        for piece in access.read(S3Location.parse(uri)):
            sealer.update(piece)
            check_stop(access.row.id)


def _write_spec(access: JobAccess, base: BaseModel) -> None:
    plan = access.row.plan
    has_validation = plan.validation_uri is not None
    family = hyperparameters.family(base.family)
    values = family.parse(plan.hyperparameters, has_validation=has_validation)
    JobSpec(
        job_id=access.row.id,
        method=values.method,
        base=_base_weights(access, base),
        hyperparameters=values,
        threads=access.platform.settings.training_threads,
        seed=values.seed,
        context_tokens=base.context_tokens,
        training_path=_TRAINING_PATH,
        validation_path=_VALIDATION_PATH if has_validation else None,
        training_name=plan.training_uri,
        validation_name=plan.validation_uri or "",
    ).write(access.folder)


def _base_weights(access: JobAccess, base: BaseModel) -> Weights:
    parent_id = access.row.plan.parent_model_id
    if parent_id is None:
        return Weights(base=base.folder)
    platform = access.platform
    with platform.database.read() as connection:
        parent = models.get(connection, parent_id)
    if parent is None:
        raise JobFailed(f"The custom model that training goes on from ({parent_id}) is gone")
    return parent.weights(platform.home, platform.base_models)
