"""Which model an invocation means: base ids, aliases, provisioned throughput, deployments."""

from dataclasses import dataclass

from outcrop.aws.arns import Arn
from outcrop.aws.errors import ResourceNotFoundException, ValidationException
from outcrop.core.errors import ModelNotFound
from outcrop.core.inference_profiles import SYSTEM, models_of_source, profile_offered
from outcrop.core.models import BaseModel
from outcrop.core.weights import Weights
from outcrop.services.bedrock_runtime import access
from outcrop.services.bedrock_runtime.errors import ModelNotReadyException
from outcrop.services.platform import Context
from outcrop.storage.models import resolve_invocable

_CREATING = "Creating"


@dataclass(frozen=True, slots=True)
class Target:
    """A model that can be invoked.

    Attributes:
        model_id: what the caller named it by.
        weights: what the engine loads.
        base: the foundation model under it; says whose bodies InvokeModel speaks.
    """

    model_id: str
    weights: Weights
    base: BaseModel


def find_target(model_id: str, context: Context) -> Target:
    """Return the model of an id or ARN.

    Raises:
        ValidationException: the identifier is of a kind that cannot be invoked, or of no known model.
        ResourceNotFoundException: no such provisioned throughput, deployment or profile in this region.
        ModelNotReadyException: it is still being set up.
    """
    # The very look-up that permissions were checked on.
    arn = access.find("invocable", model_id, context.region, context.platform)
    match Arn.parse(arn).resource_type:
        case "foundation-model":
            return _find_base(model_id, arn, context)
        case "provisioned-model" | "custom-model-deployment" as kind:
            target = _find_endpoint(model_id, arn, context)
            if target is None:
                raise ResourceNotFoundException(
                    f"There is no {kind} {model_id} in {context.region}"
                )
            return target
        case "inference-profile" | "application-inference-profile":
            return _find_behind_profile(model_id, arn, context)
        case "custom-model":
            raise ValidationException(
                f"Invocation of the custom model {model_id} by its own ARN isn't supported. Create a Provisioned"
                " Throughput (CreateProvisionedModelThroughput) or an on-demand deployment"
                " (CreateCustomModelDeployment) for it, and retry your request with that ARN."
            )
        case kind:
            raise ValidationException(
                f"Models of type {kind or 'unknown'} cannot be invoked on this server. Use a foundation model id,"
                " an inference profile, or the ARN of a provisioned throughput or custom model deployment."
            )


def _find_base(model_id: str, arn: str, context: Context) -> Target:
    try:
        base = context.platform.base_models.get(arn)
    except ModelNotFound as error:
        raise ValidationException(f"The provided model identifier is invalid: {error}") from error
    return Target(model_id, Weights(base.folder), base)


def _find_behind_profile(model_id: str, arn: str, context: Context) -> Target:
    """Return the model of an inference profile; of its regions all are this machine."""
    source = access.find("source-of-inference-profile", arn, context.region, context.platform)
    behind = models_of_source(source)
    is_system = arn.startswith(
        f"arn:aws:bedrock:{context.region}:{context.account_id}:{SYSTEM}/"
    ) and profile_offered(arn, context.region)
    if not behind or (source == arn and not is_system):
        raise ResourceNotFoundException(
            f"There is no inference profile {model_id} in {context.region}"
        )
    return _find_base(model_id, behind[0], context)


def _find_endpoint(model_id: str, arn: str, context: Context) -> Target | None:
    platform = context.platform
    with platform.database.read() as connection:
        found = resolve_invocable(
            connection,
            arn,
            region=context.region,
            home=platform.home,
            base_models=platform.base_models,
        )
    if found is None:
        return None
    if not found.is_ready:
        message = f"{model_id} is not ready to be invoked: its status is {found.status}."
        if found.status == _CREATING:
            raise ModelNotReadyException(f"{message} Retry the request.")
        raise ValidationException(message)
    return Target(model_id, found.weights, platform.base_models.get(found.base_model_id))
