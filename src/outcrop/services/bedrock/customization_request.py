"""What a request for a customization job means: everything that can be wrong with it before the job starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from outcrop.aws.arns import customization_job_arn, foundation_model_arn, is_arn
from outcrop.aws.errors import ValidationException
from outcrop.aws.operation import Principal
from outcrop.core import hyperparameters
from outcrop.core.errors import HyperparameterError, ModelNotFound
from outcrop.core.jobs import JobPlan
from outcrop.core.models import BaseModel
from outcrop.identity.directory import RoleNotAssumable
from outcrop.services.bedrock import custom_models, service_role, tags
from outcrop.services.bedrock.s3_locations import check_bucket, check_data_file
from outcrop.services.platform import Context
from outcrop.storage import customization_jobs, models

if TYPE_CHECKING:
    from types_boto3_bedrock.type_defs import CreateModelCustomizationJobRequestTypeDef

# Clients that rename and try again compare the message with exactly this one.
JOB_NAME_IN_USE = "The provided job name is currently in use."
_FINE_TUNING = "FINE_TUNING"
_METHOD_KEY = "fineTuningMethod"
# Accepting these and leaving them out would promise a protection that is not there.
_NOT_OFFERED = {
    "vpcConfig": "training inside a VPC",
    "customizationConfig": "distillation and reinforcement fine-tuning",
}


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A request that holds together.

    Attributes:
        base_model_arn: what training goes on from: a foundation or a custom model.
        foundation_model_arn: the foundation model under it.
    """

    plan: JobPlan
    base_model_arn: str
    foundation_model_arn: str
    job_tags: Mapping[str, str]


async def check(
    request: "CreateModelCustomizationJobRequestTypeDef", context: Context, job_id: str
) -> JobRequest:
    """Return the plan of a job, after every check that needs no training data.

    Args:
        job_id: of the job to be; S3 is asked in its session of the service role.

    Raises:
        ValidationException: something in the request cannot be done; says what works.
        TooManyTagsException: more than 50 tags for the job or its model.
    """
    _check_offered(request)
    base, parent = _find_base(request["baseModelIdentifier"], context)
    values = dict(request.get("hyperParameters") or {})
    validation_uri = _validation_uri(request)
    method = _check_hyperparameters(base, values, has_validation=validation_uri is not None)
    training_uri = request["trainingDataConfig"].get("s3Uri")
    if training_uri is None:
        raise ValidationException(
            "trainingDataConfig needs s3Uri: invocation logs are no source of training data here yet"
        )
    job_tags = tags.read(request.get("jobTags"), request["jobName"])
    model_tags = tags.read(request.get("customModelTags"), request["customModelName"])
    with context.platform.database.read() as connection:
        check_names(connection, request["jobName"], request["customModelName"], context.region)
    output_uri = request["outputDataConfig"]["s3Uri"]
    job_arn = customization_job_arn(context.region, context.account_id, base.model_id, job_id)
    principal = _assume(request["roleArn"], job_arn, context)
    await check_data_file("trainingDataConfig.s3Uri", training_uri, principal, context)
    if validation_uri is not None:
        member = "validationDataConfig.validators[0].s3Uri"
        await check_data_file(member, validation_uri, principal, context)
    await check_bucket("outputDataConfig.s3Uri", output_uri, principal, context)
    foundation_arn = foundation_model_arn(context.region, base.model_id)
    plan = JobPlan(
        base_model_id=base.model_id,
        parent_model_id=parent.id if parent else None,
        method=method,
        hyperparameters=values,
        training_uri=training_uri,
        validation_uri=validation_uri,
        output_uri=output_uri,
        role_arn=request["roleArn"],
        model_tags=model_tags,
    )
    return JobRequest(plan, parent.arn if parent else foundation_arn, foundation_arn, job_tags)


def check_names(connection: Connection, job_name: str, model_name: str, region: str) -> None:
    """Make sure that a job's and its model's names are free.

    Raises:
        ValidationException: one is taken.
    """
    # Names of finished jobs stay taken: no operation deletes a job.
    if customization_jobs.find(connection, region, name=job_name) is not None:
        raise ValidationException(JOB_NAME_IN_USE)
    if models.find(
        connection, region, name=model_name
    ) is not None or customization_jobs.claims_model_name(connection, region, model_name):
        raise ValidationException(
            f"The provided custom model name {model_name} is currently in use: choose another one"
        )


def _assume(role_arn: str, job_arn: str, context: Context) -> Principal:
    try:
        return service_role.assume(role_arn, job_arn, context.platform)
    except RoleNotAssumable as error:
        raise ValidationException(
            f"{service_role.NOT_ASSUMED} {error}. Its trust policy must let {service_role.SERVICE} assume it for "
            "model customization jobs of this account."
        ) from error


def _check_offered(request: Mapping[str, Any]) -> None:
    kind = request.get("customizationType", _FINE_TUNING)
    if kind != _FINE_TUNING:
        raise ValidationException(
            f"customizationType {kind} is not available here yet: use {_FINE_TUNING}"
        )
    for member, meaning in _NOT_OFFERED.items():
        if request.get(member):
            raise ValidationException(
                f"{member} is not available here yet ({meaning}): leave it out"
            )


def _find_base(identifier: str, context: Context) -> tuple[BaseModel, models.ModelRow | None]:
    """Return the foundation model, and the custom model on it that training goes on from, if one is named."""
    base_models = context.platform.base_models
    try:
        with context.platform.database.read() as connection:
            parent = custom_models.find(connection, identifier, context.region)
        base = base_models.get(parent.base_model_id if parent else identifier)
    except ModelNotFound as error:
        raise ValidationException(f"baseModelIdentifier: {error}") from error
    if _FINE_TUNING not in base.customizations:
        raise ValidationException(f"{base.model_id} cannot be fine-tuned")
    if is_arn(identifier) and not parent and f":{context.region}::" not in identifier:
        raise ValidationException(
            f"baseModelIdentifier {identifier} is not of this region ({context.region})"
        )
    return base, parent


def _validation_uri(request: "CreateModelCustomizationJobRequestTypeDef") -> str | None:
    config = request.get("validationDataConfig")
    validators = config["validators"] if config else []
    if len(validators) > 1:
        raise ValidationException(
            f"validationDataConfig.validators has {len(validators)} entries: give at most one file"
        )
    return validators[0]["s3Uri"] if validators else None


def _check_hyperparameters(
    base: BaseModel, values: Mapping[str, str], *, has_validation: bool
) -> str:
    """Return the training method that the hyperparameters ask for."""
    try:
        family = hyperparameters.family(base.family)
        return family.parse(values, has_validation=has_validation).method
    except HyperparameterError as error:
        raise ValidationException(f"hyperParameters: {error}") from error
