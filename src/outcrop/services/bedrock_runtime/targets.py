"""Which model an invocation means: base ids, aliases, provisioned throughput, deployments."""

from dataclasses import dataclass

from outcrop.aws.arns import Arn, is_arn
from outcrop.aws.errors import ResourceNotFoundException, ValidationException
from outcrop.core.errors import ModelNotFound
from outcrop.core.models import BaseModel
from outcrop.core.weights import Weights
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
        ResourceNotFoundException: no such provisioned throughput or deployment in this region.
        ModelNotReadyException: it is still being set up.
    """
    if not is_arn(model_id):
        return _find_named(model_id, context)
    match Arn.parse(model_id).resource_type:
        case "foundation-model":
            return _find_base(model_id, context)
        case "provisioned-model" | "custom-model-deployment" as kind:
            target = _find_endpoint(model_id, context)
            if target is None:
                raise ResourceNotFoundException(
                    f"There is no {kind} {model_id} in {context.region}"
                )
            return target
        case "custom-model":
            raise ValidationException(
                f"Invocation of the custom model {model_id} by its own ARN isn't supported. Create a Provisioned"
                " Throughput (CreateProvisionedModelThroughput) or an on-demand deployment"
                " (CreateCustomModelDeployment) for it, and retry your request with that ARN."
            )
        case kind:
            raise ValidationException(
                f"Models of type {kind or 'unknown'} cannot be invoked on this server. Use a foundation model id,"
                " or the ARN of a provisioned throughput or custom model deployment."
            )


def _find_named(name: str, context: Context) -> Target:
    # Ids of foundation models hold a dot, names of provisioned throughput cannot.
    if "." in name:
        return _find_base(name, context)
    target = _find_endpoint(name, context)
    if target is not None:
        return target
    return _find_base(name, context)


def _find_base(identifier: str, context: Context) -> Target:
    try:
        base = context.platform.base_models.get(identifier)
    except ModelNotFound as error:
        raise ValidationException(f"The provided model identifier is invalid: {error}") from error
    return Target(identifier, Weights(base.folder), base)


def _find_endpoint(identifier: str, context: Context) -> Target | None:
    platform = context.platform
    with platform.database.read() as connection:
        found = resolve_invocable(
            connection,
            identifier,
            region=context.region,
            home=platform.home,
            base_models=platform.base_models,
        )
    if found is None:
        return None
    if not found.is_ready:
        message = f"{identifier} is not ready to be invoked: its status is {found.status}."
        if found.status == _CREATING:
            raise ModelNotReadyException(f"{message} Retry the request.")
        raise ValidationException(message)
    return Target(identifier, found.weights, platform.base_models.get(found.base_model_id))
