"""Custom model deployments: a custom model answering on demand under an ARN of its own."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from outcrop.aws.arns import custom_model_deployment_arn, is_arn
from outcrop.aws.errors import (
    ConflictException,
    ResourceNotFoundException,
    ValidationException,
)
from outcrop.aws.operation import operation
from outcrop.core.ids import resource_id
from outcrop.core.models import EndpointStatus
from outcrop.services.bedrock import custom_models, quota_checks, repeats, tags
from outcrop.services.bedrock.identifiers import id_of
from outcrop.services.bedrock.pages import read_filters, write_page
from outcrop.services.bedrock.times import from_us, now_us
from outcrop.services.platform import Context
from outcrop.storage import tags as tag_rows
from outcrop.storage.endpoints import DEPLOYMENTS, DeploymentRow
from outcrop.storage.models import DEPLOYMENT_STATUS

if TYPE_CHECKING:
    from types_boto3_bedrock.type_defs import (
        CreateCustomModelDeploymentRequestTypeDef,
        DeleteCustomModelDeploymentRequestTypeDef,
        GetCustomModelDeploymentRequestTypeDef,
        ListCustomModelDeploymentsRequestTypeDef,
        UpdateCustomModelDeploymentRequestTypeDef,
    )

WORKFLOW = "custom_model_deployment"
UPDATING = "Updating"


@operation("bedrock:CreateCustomModelDeployment")
def create_custom_model_deployment(
    request: "CreateCustomModelDeploymentRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Record a deployment that is Creating; a workflow loads its model and makes it Active.

    Raises:
        ResourceNotFoundException: no such custom model.
        ValidationException: the name is in use, or the token was used for another request.
        ServiceQuotaExceededException: too many deployments, or too many that are being created.
        TooManyTagsException: more than 50 tags.
    """
    platform = context.platform
    now = now_us(platform.clock)
    name, deployment_id = request["modelDeploymentName"], resource_id()
    with platform.database.write() as connection:
        answer = repeats.replay(connection, request, context)
        if answer is not None:
            return answer
        model = custom_models.require(connection, request["modelArn"], context.region)
        if DEPLOYMENTS.find(connection, context.region, name=name) is not None:
            raise ValidationException(
                f"The deployment name {name} is currently in use: choose another one"
            )
        quota_checks.check_deployment(connection, context)
        row = DeploymentRow(
            id=deployment_id,
            region=context.region,
            name=name,
            arn=custom_model_deployment_arn(context.region, context.account_id, deployment_id),
            status=EndpointStatus.CREATING,
            model_arn=model.arn,
            description=request.get("description"),
            update_model_arn=None,
            update_status=None,
            created_us=now,
            modified_us=now,
            failure_message=None,
            generation=0,
        )
        DEPLOYMENTS.insert(connection, row)
        tags.put(connection, row.arn, tags.read(request.get("tags"), name))
        response = {"customModelDeploymentArn": row.arn}
        repeats.remember(connection, request, response, context)
        _enqueue(connection, row, context)
    return response


@operation("bedrock:GetCustomModelDeployment")
def get_custom_model_deployment(
    request: "GetCustomModelDeploymentRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Describe a deployment by name or ARN.

    Raises:
        ResourceNotFoundException: no such deployment in this region.
    """
    with context.platform.database.read() as connection:
        row = _require(connection, request["customModelDeploymentIdentifier"], context)
    update = None
    if row.update_model_arn is not None:
        update = {"modelArn": row.update_model_arn, "updateStatus": row.update_status}
    return {
        **_describe(row),
        "modelDeploymentName": row.name,
        "description": row.description,
        "updateDetails": update,
    }


@operation("bedrock:ListCustomModelDeployments")
def list_custom_model_deployments(
    request: "ListCustomModelDeploymentsRequestTypeDef", context: Context
) -> dict[str, Any]:
    """List deployments, the newest first unless asked otherwise."""
    spelled = {theirs: str(ours) for ours, theirs in DEPLOYMENT_STATUS.items()}
    status = request.get("statusEquals")
    filters = read_filters(
        request,
        context,
        {
            "status": spelled[status] if status else None,
            "model_arn": request.get("modelArnEquals"),
        },
        after="createdAfter",
        before="createdBefore",
    )
    with context.platform.database.read() as connection:
        rows, following = DEPLOYMENTS.page(connection, filters)
    summaries = [{**_describe(row), "customModelDeploymentName": row.name} for row in rows]
    return write_page("modelDeploymentSummaries", summaries, following, context)


@operation("bedrock:UpdateCustomModelDeployment")
def update_custom_model_deployment(
    request: "UpdateCustomModelDeploymentRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Have a deployment serve another custom model; the present one answers until that is loaded.

    Raises:
        ResourceNotFoundException: no such deployment or custom model.
        ValidationException: it is not Active, or an update is running.
    """
    now = now_us(context.platform.clock)
    with context.platform.database.write() as connection:
        row = _require(connection, request["customModelDeploymentIdentifier"], context)
        if row.status != EndpointStatus.READY or row.update_status == UPDATING:
            state = UPDATING if row.update_status == UPDATING else DEPLOYMENT_STATUS[row.status]
            raise ValidationException(f"{row.name} is {state}: update it once that is over")
        model = custom_models.require(connection, request["modelArn"], context.region)
        generation = row.generation + 1
        DEPLOYMENTS.change(
            connection,
            row.id,
            update_model_arn=model.arn,
            update_status=UPDATING,
            generation=generation,
            modified_us=now,
            failure_message=None,
        )
        _enqueue(connection, replace(row, generation=generation), context)
    return {"customModelDeploymentArn": row.arn}


@operation("bedrock:DeleteCustomModelDeployment")
def delete_custom_model_deployment(
    request: "DeleteCustomModelDeploymentRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Delete a deployment at once; its model stays.

    Raises:
        ResourceNotFoundException: no such deployment in this region.
        ConflictException: it is being updated.
    """
    with context.platform.database.write() as connection:
        row = _require(connection, request["customModelDeploymentIdentifier"], context)
        if row.update_status == UPDATING:
            raise ConflictException(f"{row.name} is being updated: delete it once that is over")
        tag_rows.drop_all(connection, row.arn)
        DEPLOYMENTS.remove(connection, row.id)
    return {}


def _enqueue(connection: Connection, row: DeploymentRow, context: Context) -> None:
    argument = f"{row.id}-{row.generation}"
    context.platform.durable.enqueue(connection, WORKFLOW, f"{WORKFLOW}-{argument}", argument)


def _require(connection: Connection, identifier: str, context: Context) -> DeploymentRow:
    if is_arn(identifier):
        row = DEPLOYMENTS.get(connection, id_of(identifier))
        if row is not None and (row.arn != identifier or row.region != context.region):
            row = None
    else:
        row = DEPLOYMENTS.find(connection, context.region, name=identifier)
    if row is None:
        raise ResourceNotFoundException(
            f"There is no custom model deployment {identifier} in {context.region}"
        )
    return row


def _describe(row: DeploymentRow) -> dict[str, Any]:
    return {
        "customModelDeploymentArn": row.arn,
        "modelArn": row.model_arn,
        "createdAt": from_us(row.created_us),
        "lastUpdatedAt": from_us(row.modified_us),
        "status": DEPLOYMENT_STATUS[row.status],
        "failureMessage": row.failure_message,
    }
