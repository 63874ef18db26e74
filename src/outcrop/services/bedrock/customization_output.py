"""What a customization job leaves: metrics in the customer's bucket, and a custom model."""

import json
import math
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from sqlalchemy import Connection

from outcrop.core.errors import JobFailed
from outcrop.crypto.sealed_folder import FolderSeal
from outcrop.services.bedrock.job_access import JobAccess
from outcrop.services.bedrock.s3_locations import S3Location
from outcrop.storage import models, tags
from outcrop.storage.models import ModelRow
from outcrop.training.job_folder import OUTPUT, TrainingResult, read_history, sync_folder, sync_tree

# User guide, "Analyze the results of a model customization job".
_TRAINING_METRICS = "training_artifacts/step_wise_training_metrics.csv"
_VALIDATION_METRICS = "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv"
_PROBE = ".write_access_check_file.tmp"
_LARGEST_EXPONENT = 700.0  # e to more than 709 is no float

_log = structlog.get_logger(__name__)


def probe(access: JobAccess) -> None:
    """Make sure, before hours of training, that the metrics can be written: put a small object and delete it.

    Raises:
        JobFailed: they cannot.
    """
    location = S3Location.parse(access.row.plan.output_uri).under(_PROBE)
    access.write(location, b"")
    try:
        access.delete(location)
    except JobFailed as error:
        # The role that AWS's guide describes has no s3:DeleteObject: then the marker stays, as it does on AWS.
        _log.info("probe_left_behind", job_id=access.row.id, reason=str(error))


def publish(access: JobAccess, result: TrainingResult) -> None:
    """Move the weights to the custom models, and write the metrics to the output bucket.

    Raises:
        JobFailed: the metrics cannot be written.
    """
    output, target = access.folder / OUTPUT, access.model_folder
    if output.exists():
        # An earlier attempt may have been killed between the move and the journal: never both exist.
        sync_tree(output)
        output.rename(target)
        sync_folder(target.parent)
    if not target.exists():
        raise JobFailed("Training ended without weights; the server's log has details")
    history = read_history(access.folder)
    # Steps count from 0 in AWS's files, from 1 in ours.
    steps = [(item.step - 1, item.epoch, item.loss) for item in history.steps]
    access.write(_location(access, _TRAINING_METRICS), _csv("training_loss", steps))
    if result.validation_loss is not None:
        validations = [(item.step, item.epoch, item.loss) for item in history.validations]
        access.write(_location(access, _VALIDATION_METRICS), _csv("validation_loss", validations))


def discard(access: JobAccess) -> None:
    """Take back everything that a job which made no model has left."""
    for name in (_TRAINING_METRICS, _VALIDATION_METRICS):
        try:
            access.delete(_location(access, name))
        except JobFailed as error:
            # The bucket may be gone or closed to the role; then there is nothing to take back.
            _log.warning("output_not_discarded", job_id=access.row.id, reason=str(error))
    shutil.rmtree(access.model_folder, ignore_errors=True)
    access.remove_job_folder()


def final_metrics(result: TrainingResult) -> dict[str, Any]:
    """Return the last losses as GetModelCustomizationJob and GetCustomModel give them."""
    metrics: dict[str, Any] = {}
    if result.training_loss is not None:
        metrics["trainingMetrics"] = {"trainingLoss": result.training_loss}
    if result.validation_loss is not None:
        metrics["validationMetrics"] = [{"validationLoss": result.validation_loss}]
    return metrics


def register_model(
    connection: Connection, access: JobAccess, metrics: Mapping[str, Any], created_us: int
) -> None:
    """Add the model's row and tags, as part of the transaction that completes the job."""
    row, plan = access.row, access.row.plan
    request = json.loads(row.request_json)
    repeated = (
        "hyperParameters",
        "trainingDataConfig",
        "validationDataConfig",
        "outputDataConfig",
    )
    detail = {
        "jobName": row.name,
        "jobArn": row.arn,
        **{name: request[name] for name in repeated if name in request},
        **metrics,
    }
    if plan.seal_json:
        detail["modelKmsKeyArn"] = FolderSeal.from_json(plan.seal_json).kms_key_arn
    model = ModelRow(
        id=access.model_id,
        region=row.region,
        name=row.model_name,
        arn=row.model_arn,
        job_id=row.id,
        base_model_arn=row.base_model_arn,
        foundation_model_arn=request["baseModelArn"],
        customization_type=row.customization_type,
        created_us=created_us,
        detail_json=json.dumps(detail),
        method="full" if plan.method == "full" else "adapter",
        base_model_id=plan.base_model_id,
        base_custom_model_id=_base_custom_model_id(connection, access),
    )
    models.insert(connection, model)
    tags.put(connection, row.model_arn, plan.model_tags)


def _base_custom_model_id(connection: Connection, access: JobAccess) -> str | None:
    """Return the custom model whose full weights the new adapter lies on, if any."""
    plan = access.row.plan
    if plan.method == "full" or plan.parent_model_id is None:
        return None
    parent = models.get(connection, plan.parent_model_id)
    assert parent is not None, "a model that a job trains from is not deleted"
    return parent.id if parent.method == "full" else parent.base_custom_model_id


def _location(access: JobAccess, name: str) -> S3Location:
    output = S3Location.parse(access.row.plan.output_uri)
    return output.under(f"model-customization-job-{access.row.id}/{name}")


def _csv(loss_column: str, rows: Iterable[tuple[int, int, float]]) -> bytes:
    lines = [f"step_number,epoch_number,{loss_column},perplexity"]
    lines += [
        f"{step},{epoch},{loss},{math.exp(min(loss, _LARGEST_EXPONENT))}"
        for step, epoch, loss in rows
    ]
    return ("\n".join(lines) + "\n").encode()
