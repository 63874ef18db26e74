"""What EventBridge is told of customization jobs: every change of their status, with the change itself.

Source: Bedrock User Guide, "Monitor Amazon Bedrock job state changes using Amazon EventBridge".
"""

import json
from typing import Any

from sqlalchemy import Connection

from outcrop.core.jobs import JobStatus
from outcrop.core.times import from_us
from outcrop.services.platform import Platform
from outcrop.storage import customization_jobs as repository
from outcrop.storage.customization_jobs import JobRow

_SOURCE = "aws.bedrock"
_DETAIL_TYPE = "Model Customization Job State Change"
_DETAIL_VERSION = "0.0"


def tell(connection: Connection, job_id: str, platform: Platform) -> None:
    """Put the event of a job's present status, as part of the transaction that gave it to the job."""
    row = repository.get(connection, job_id)
    assert row is not None, "jobs are never deleted"
    platform.events.put(
        row.region, _SOURCE, _DETAIL_TYPE, _detail(row), [row.arn], connection=connection
    )


def _detail(row: JobRow) -> dict[str, Any]:
    request = json.loads(row.request_json)
    detail: dict[str, Any] = {
        "version": _DETAIL_VERSION,
        "jobName": row.name,
        "jobArn": row.arn,
        "outputModelName": row.model_name,
        "roleArn": request["roleArn"],
        "jobStatus": row.status,
        "creationTime": _iso(row.created_us),
        "lastModifiedTime": _iso(row.modified_us),
        "baseModelArn": request["baseModelArn"],
        "hyperParameters": request["hyperParameters"],
        "trainingDataConfig": request["trainingDataConfig"],
        "outputDataConfig": request["outputDataConfig"],
    }
    if row.status == JobStatus.COMPLETED:
        detail["outputModelArn"] = row.model_arn
    if row.failure_message:
        detail["failureMessage"] = row.failure_message
    if row.ended_us is not None:
        detail["endTime"] = _iso(row.ended_us)
    if validators := request.get("validationDataConfig", {}).get("validators"):
        # Flat, unlike the API's: one location.
        detail["validationDataConfig"] = {"s3Uri": validators[0]["s3Uri"]}
    return detail


def _iso(microseconds: int) -> str:
    return f"{from_us(microseconds):%Y-%m-%dT%H:%M:%SZ}"
