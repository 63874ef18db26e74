"""Model customization jobs: create, get, list, stop. The work itself is in customization_workflow.py."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from outcrop.aws.arns import custom_model_arn, customization_job_arn, is_arn
from outcrop.aws.errors import ConflictException, ResourceNotFoundException, ServiceError
from outcrop.aws.operation import ConstantResult, operation
from outcrop.core.ids import resource_id
from outcrop.core.jobs import JobStatus, Phases
from outcrop.crypto.sealed_folder import FolderSeal
from outcrop.services import model_keys
from outcrop.services.bedrock import job_events, quota_checks, repeats, tags
from outcrop.services.bedrock.customization_request import JobRequest, check, check_names
from outcrop.services.bedrock.identifiers import id_of
from outcrop.services.bedrock.pages import read_filters, write_page
from outcrop.services.bedrock.times import from_us, now_us, optional
from outcrop.services.platform import Context
from outcrop.storage import customization_jobs as repository
from outcrop.storage.customization_jobs import JobRow

if TYPE_CHECKING:
    from types_boto3_bedrock.type_defs import (
        CreateModelCustomizationJobRequestTypeDef,
        GetModelCustomizationJobRequestTypeDef,
        ListModelCustomizationJobsRequestTypeDef,
        StopModelCustomizationJobRequestTypeDef,
    )

WORKFLOW = "customization_job"
_REMEMBERED = 2048  # jobs whose details are at hand; clients poll them
_DETAIL_NAMES = {
    "validation": "validationDetails",
    "dataProcessing": "dataProcessingDetails",
    "training": "trainingDetails",
}


@operation("bedrock:CreateModelCustomizationJob")
async def create_model_customization_job(
    request: "CreateModelCustomizationJobRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Check what can be known now, then record the job and its workflow together.

    Raises:
        ValidationException: something in the request cannot be done.
        ConflictException: the token was used for another request.
        ServiceQuotaExceededException: too many jobs wait or run, or too many custom models.
        TooManyTagsException: more than 50 tags for the job or its model.
    """
    with context.platform.database.read() as connection:
        answer = repeats.replay(connection, request, context)
    if answer is not None:
        return answer
    job_id = resource_id()
    checked = await check(request, context, job_id)
    model_arn = custom_model_arn(
        context.region, context.account_id, checked.plan.base_model_id, resource_id()
    )
    seal = None
    if key_id := request.get("customModelKmsKeyId"):
        seal = await model_keys.grant_key(
            context.platform, key_id, model_arn, context.principal, context.region
        )
        checked = replace(checked, plan=replace(checked.plan, seal_json=seal.to_json()))
    try:
        # The commit waits for the disk and for other writers: not on the event loop.
        return await asyncio.to_thread(_record, request, context, checked, job_id, model_arn)
    except ServiceError:
        await model_keys.retire(context.platform, seal, context.region)
        raise


def _record(
    request: "CreateModelCustomizationJobRequestTypeDef",
    context: Context,
    checked: JobRequest,
    job_id: str,
    model_arn: str,
) -> dict[str, Any]:
    platform = context.platform
    row = _make_row(request, context, checked, job_id, model_arn)
    with platform.database.write(durable=True) as connection:
        answer = repeats.replay(connection, request, context)
        if answer is not None:
            return answer
        check_names(connection, row.name, row.model_name, row.region)
        quota_checks.check_job(connection, context)
        repository.insert(connection, row)
        tags.put(connection, row.arn, checked.job_tags)
        response = {"jobArn": row.arn}
        repeats.remember(connection, request, response, context)
        job_events.tell(connection, job_id, platform)
        platform.durable.enqueue(connection, WORKFLOW, f"{WORKFLOW}-{job_id}", job_id)
    return response


def _make_row(
    request: "CreateModelCustomizationJobRequestTypeDef",
    context: Context,
    checked: JobRequest,
    job_id: str,
    model_arn: str,
) -> JobRow:
    plan, region, account_id = checked.plan, context.region, context.account_id
    created_us = now_us(context.platform.clock)
    repeated: dict[str, Any] = {
        "roleArn": plan.role_arn,
        "baseModelArn": checked.foundation_model_arn,
        "hyperParameters": plan.hyperparameters,
        "trainingDataConfig": request["trainingDataConfig"],
        "outputDataConfig": request["outputDataConfig"],
    }
    # AWS's model calls it required in answers. Yet an empty one is drift to Terraform, which would train anew.
    if validation := request.get("validationDataConfig"):
        repeated["validationDataConfig"] = validation
    if token := request.get("clientRequestToken"):
        repeated["clientRequestToken"] = token
    if plan.seal_json:
        repeated["outputModelKmsKeyArn"] = FolderSeal.from_json(plan.seal_json).kms_key_arn
    return JobRow(
        id=job_id,
        region=region,
        name=request["jobName"],
        arn=customization_job_arn(region, account_id, plan.base_model_id, job_id),
        status=JobStatus.IN_PROGRESS,
        base_model_arn=checked.base_model_arn,
        model_name=request["customModelName"],
        model_arn=model_arn,
        customization_type="FINE_TUNING",
        created_us=created_us,
        modified_us=created_us,
        ended_us=None,
        failure_message=None,
        request_json=json.dumps(repeated),
        phases_json=json.dumps(Phases().to_json()),
        metrics_json=None,
        plan_json=json.dumps(plan.to_json()),
    )


@operation("bedrock:GetModelCustomizationJob")
def get_model_customization_job(
    request: "GetModelCustomizationJobRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Describe a job by name or ARN.

    Raises:
        ResourceNotFoundException: no such job in this region.
    """
    row = _require(context.platform.database.reader, request["jobIdentifier"], context)
    response: dict[str, Any] = json.loads(row.request_json)
    response.update(
        jobArn=row.arn,
        jobName=row.name,
        outputModelName=row.model_name,
        status=row.status,
        statusDetails=_status_details(row.phases_json),
        creationTime=from_us(row.created_us),
        lastModifiedTime=from_us(row.modified_us),
        endTime=optional(row.ended_us),
        failureMessage=row.failure_message,
        customizationType=row.customization_type,
    )
    if row.status == JobStatus.COMPLETED:
        response["outputModelArn"] = row.model_arn
    if row.metrics_json is not None:
        response.update(json.loads(row.metrics_json))
    return response


@operation("bedrock:ListModelCustomizationJobs")
def list_model_customization_jobs(
    request: "ListModelCustomizationJobsRequestTypeDef", context: Context
) -> dict[str, Any]:
    """List jobs, the newest first unless asked otherwise."""
    filters = read_filters(request, context, {"status": request.get("statusEquals")})
    rows, following = repository.page(context.platform.database.reader, filters)
    summaries = [_summarize(*row) for row in rows]
    return write_page("modelCustomizationJobSummaries", summaries, following, context)


@lru_cache(maxsize=4096)  # a job that has ended is listed often and changes no more
def _summarize(  # noqa: PLR0913, PLR0917  # one parameter per column of SUMMARY_COLUMNS, in its order
    created_us: int,
    _id: str,
    arn: str,
    base_model_arn: str,
    name: str,
    status: str,
    phases_json: str,
    modified_us: int,
    ended_us: int | None,
    model_arn: str,
    model_name: str,
    customization_type: str,
) -> ConstantResult:
    members = {
        "jobArn": arn,
        "baseModelArn": base_model_arn,
        "jobName": name,
        "status": status,
        "statusDetails": _status_details(phases_json),
        "creationTime": from_us(created_us),
        "lastModifiedTime": from_us(modified_us),
        "endTime": optional(ended_us),
        "customModelArn": model_arn if status == JobStatus.COMPLETED else None,
        "customModelName": model_name,
        "customizationType": customization_type,
    }
    return ConstantResult(members)


@operation("bedrock:StopModelCustomizationJob")
def stop_model_customization_job(
    request: "StopModelCustomizationJobRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Ask a job to stop: it becomes Stopping, then Stopped, and leaves no model.

    Raises:
        ResourceNotFoundException: no such job in this region.
        ConflictException: the job has ended, or is stopping already.
    """
    now = now_us(context.platform.clock)
    with context.platform.database.write() as connection:
        row = _require(connection, request["jobIdentifier"], context)
        if row.status != JobStatus.IN_PROGRESS:
            raise ConflictException(
                f"The job {row.name} is {row.status}: only a job that is InProgress can be stopped"
            )
        repository.move(connection, row, JobStatus.STOPPING, now)
        job_events.tell(connection, row.id, context.platform)
        if not row.phases.has_begun:
            # It waits behind other jobs: nobody is working on it who would have to stop first.
            stopping = _require(connection, row.arn, context)
            repository.move(
                connection, stopping, JobStatus.STOPPED, now, failure_message=STOPPED_MESSAGE
            )
            job_events.tell(connection, row.id, context.platform)
    return {}


STOPPED_MESSAGE = "The job was stopped by StopModelCustomizationJob. No custom model was made."


def _require(connection: Connection, identifier: str, context: Context) -> JobRow:
    if is_arn(identifier):
        row = repository.get(connection, id_of(identifier))
        if row is not None and (row.arn != identifier or row.region != context.region):
            row = None
    else:
        row = repository.find(connection, context.region, name=identifier)
    if row is None:
        raise ResourceNotFoundException(
            f"There is no model customization job {identifier} in {context.region}"
        )
    return row


@lru_cache(_REMEMBERED)
def _status_details(phases_json: str) -> Mapping[str, Any]:
    """Return statusDetails; shared between responses, so nobody may change it."""
    details: dict[str, Any] = {}
    for phase, (status, started_us, modified_us) in json.loads(phases_json).items():
        detail = {"status": status}
        if started_us is not None:
            detail["creationTime"] = from_us(started_us)
            detail["lastModifiedTime"] = from_us(modified_us)
        details[_DETAIL_NAMES[phase]] = detail
    return details
