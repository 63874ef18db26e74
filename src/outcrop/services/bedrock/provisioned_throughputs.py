"""Provisioned model throughputs: a model kept ready under an ARN of its own."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from outcrop.aws.arns import is_arn, provisioned_model_arn
from outcrop.aws.errors import (
    ConflictException,
    ResourceNotFoundException,
    ValidationException,
)
from outcrop.aws.operation import operation
from outcrop.core.ids import resource_id
from outcrop.core.models import EndpointStatus
from outcrop.services.bedrock import quota_checks, repeats, served_models, tags
from outcrop.services.bedrock.identifiers import id_of
from outcrop.services.bedrock.pages import read_filters, write_page
from outcrop.services.bedrock.times import from_us, now_us, optional
from outcrop.services.platform import Context
from outcrop.storage import tags as tag_rows
from outcrop.storage.endpoints import THROUGHPUTS, ThroughputRow
from outcrop.storage.models import THROUGHPUT_STATUS

if TYPE_CHECKING:
    from types_boto3_bedrock.type_defs import (
        CreateProvisionedModelThroughputRequestTypeDef,
        DeleteProvisionedModelThroughputRequestTypeDef,
        GetProvisionedModelThroughputRequestTypeDef,
        ListProvisionedModelThroughputsRequestTypeDef,
        UpdateProvisionedModelThroughputRequestTypeDef,
    )

WORKFLOW = "provisioned_throughput"
_TERMS = {"OneMonth": timedelta(days=30), "SixMonths": timedelta(days=180)}
_MICROSECOND = timedelta(microseconds=1)


@operation("bedrock:CreateProvisionedModelThroughput")
def create_provisioned_model_throughput(
    request: "CreateProvisionedModelThroughputRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Record a throughput that is Creating; a workflow loads its model and takes it InService.

    Raises:
        ResourceNotFoundException: no such model.
        ValidationException: the name is in use, or the token was used for another request.
        ServiceQuotaExceededException: more model units than the account may have.
        TooManyTagsException: more than 50 tags.
    """
    platform = context.platform
    now = now_us(platform.clock)
    name, commitment = request["provisionedModelName"], request.get("commitmentDuration")
    throughput_id = resource_id()
    with platform.database.write() as connection:
        answer = repeats.replay(connection, request, context)
        if answer is not None:
            return answer
        model = served_models.require(connection, request["modelId"], context)
        _check_name(connection, name, context)
        quota_checks.check_throughput(
            connection,
            context,
            units=request["modelUnits"],
            model_arn=model.arn,
            is_committed=commitment is not None,
        )
        row = ThroughputRow(
            id=throughput_id,
            region=context.region,
            name=name,
            arn=provisioned_model_arn(context.region, context.account_id, throughput_id),
            status=EndpointStatus.CREATING,
            model_arn=model.arn,
            desired_model_arn=model.arn,
            foundation_model_arn=model.foundation_model_arn,
            model_units=request["modelUnits"],
            commitment=commitment,
            commitment_ends_us=now + _TERMS[commitment] // _MICROSECOND if commitment else None,
            created_us=now,
            modified_us=now,
            failure_message=None,
            generation=0,
        )
        THROUGHPUTS.insert(connection, row)
        tags.put(connection, row.arn, tags.read(request.get("tags"), name))
        response = {"provisionedModelArn": row.arn}
        repeats.remember(connection, request, response, context)
        _enqueue(connection, row, context)
    return response


@operation("bedrock:GetProvisionedModelThroughput")
def get_provisioned_model_throughput(
    request: "GetProvisionedModelThroughputRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Describe a throughput by ARN, name or id.

    Raises:
        ResourceNotFoundException: no such throughput in this region.
    """
    with context.platform.database.read() as connection:
        row = _require(connection, request["provisionedModelId"], context)
    return {**_summarize(row), "failureMessage": row.failure_message}


@operation("bedrock:ListProvisionedModelThroughputs")
def list_provisioned_model_throughputs(
    request: "ListProvisionedModelThroughputsRequestTypeDef", context: Context
) -> dict[str, Any]:
    """List throughputs, the newest first unless asked otherwise."""
    spelled = {theirs: str(ours) for ours, theirs in THROUGHPUT_STATUS.items()}
    status = request.get("statusEquals")
    filters = read_filters(
        request,
        context,
        {
            "status": spelled[status] if status else None,
            "model_arn": request.get("modelArnEquals"),
        },
    )
    with context.platform.database.read() as connection:
        rows, following = THROUGHPUTS.page(connection, filters)
    summaries = [_summarize(row) for row in rows]
    return write_page("provisionedModelSummaries", summaries, following, context)


@operation("bedrock:UpdateProvisionedModelThroughput")
def update_provisioned_model_throughput(
    request: "UpdateProvisionedModelThroughputRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Rename a throughput, or have it serve another model; the present one answers until that is loaded.

    Raises:
        ResourceNotFoundException: no such throughput or model.
        ValidationException: it is not InService, the name is in use, or the model may not follow this one.
    """
    now = now_us(context.platform.clock)
    with context.platform.database.write() as connection:
        row = _require(connection, request["provisionedModelId"], context)
        if row.status in (EndpointStatus.CREATING, EndpointStatus.UPDATING):
            raise ValidationException(
                f"{row.name} is {THROUGHPUT_STATUS[row.status]}: update it once it is InService"
            )
        changes: dict[str, Any] = {"modified_us": now}
        new_name = request.get("desiredProvisionedModelName", row.name)
        if new_name != row.name:
            _check_name(connection, new_name, context)
            changes["name"] = new_name
        desired = _desired_model(connection, row, request.get("desiredModelId"), context)
        if desired is not None:
            changes["desired_model_arn"] = desired
            changes["status"] = EndpointStatus.UPDATING
            changes["generation"] = row.generation + 1
        THROUGHPUTS.change(connection, row.id, **changes)
        if desired is not None:
            _enqueue(connection, replace(row, generation=row.generation + 1), context)
    return {}


@operation("bedrock:DeleteProvisionedModelThroughput")
def delete_provisioned_model_throughput(
    request: "DeleteProvisionedModelThroughputRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Delete a throughput at once; its model stays.

    Raises:
        ResourceNotFoundException: no such throughput in this region.
        ConflictException: it is being updated, or its commitment has not ended.
    """
    now = now_us(context.platform.clock)
    with context.platform.database.write() as connection:
        row = _require(connection, request["provisionedModelId"], context)
        if row.status == EndpointStatus.UPDATING:
            raise ConflictException(f"{row.name} is Updating: delete it once it is InService")
        if row.commitment_ends_us is not None and row.commitment_ends_us > now:
            raise ConflictException(
                f"{row.name} is committed until {from_us(row.commitment_ends_us).isoformat()}: "
                "it can be deleted after that"
            )
        tag_rows.drop_all(connection, row.arn)
        THROUGHPUTS.remove(connection, row.id)
    return {}


def _desired_model(
    connection: Connection, row: ThroughputRow, identifier: str | None, context: Context
) -> str | None:
    """Return the ARN of the model to change to, or None when nothing changes."""
    if identifier is None:
        return None
    model = served_models.require(connection, identifier, context)
    if model.arn == row.model_arn:
        return None
    if row.model_arn == row.foundation_model_arn:
        raise ValidationException(
            f"{row.name} serves a foundation model: only one with a custom model can change its model"
        )
    if model.foundation_model_arn != row.foundation_model_arn:
        raise ValidationException(
            f"{identifier} has another base than {row.name}: choose {row.foundation_model_arn} "
            "or a custom model made from it"
        )
    return model.arn


def _check_name(connection: Connection, name: str, context: Context) -> None:
    if THROUGHPUTS.find(connection, context.region, name=name) is not None:
        raise ValidationException(
            f"The provisioned model name {name} is currently in use: choose another one"
        )


def _enqueue(connection: Connection, row: ThroughputRow, context: Context) -> None:
    argument = f"{row.id}-{row.generation}"
    context.platform.durable.enqueue(connection, WORKFLOW, f"{WORKFLOW}-{argument}", argument)


def _require(connection: Connection, identifier: str, context: Context) -> ThroughputRow:
    row = THROUGHPUTS.get(connection, id_of(identifier))
    if row is None:
        row = THROUGHPUTS.find(connection, context.region, name=identifier)
    if (
        row is None
        or row.region != context.region
        or (is_arn(identifier) and row.arn != identifier)
    ):
        raise ResourceNotFoundException(
            f"There is no provisioned model throughput {identifier} in {context.region}"
        )
    return row


def _summarize(row: ThroughputRow) -> dict[str, Any]:
    return {
        "provisionedModelName": row.name,
        "provisionedModelArn": row.arn,
        "modelArn": row.model_arn,
        "desiredModelArn": row.desired_model_arn,
        "foundationModelArn": row.foundation_model_arn,
        "modelUnits": row.model_units,
        "desiredModelUnits": row.model_units,
        "status": THROUGHPUT_STATUS[row.status],
        "commitmentDuration": row.commitment,
        "commitmentExpirationTime": optional(row.commitment_ends_us),
        "creationTime": from_us(row.created_us),
        "lastModifiedTime": from_us(row.modified_us),
    }
