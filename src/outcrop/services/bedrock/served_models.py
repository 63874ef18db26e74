"""Models that a provisioned throughput or deployment may serve."""

from dataclasses import dataclass

from sqlalchemy import Connection

from outcrop.aws.arns import foundation_model_arn
from outcrop.aws.errors import ResourceNotFoundException
from outcrop.core.errors import ModelNotFound
from outcrop.services.bedrock import custom_models
from outcrop.services.platform import Context


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A foundation or custom model.

    Attributes:
        arn: its own ARN.
        foundation_model_arn: the same for a foundation model, the one under a custom model.
    """

    arn: str
    foundation_model_arn: str

    @property
    def is_custom(self) -> bool:
        """Whether it is a custom model."""
        return self.arn != self.foundation_model_arn


def require(connection: Connection, identifier: str, context: Context) -> ServedModel:
    """Return the custom model of a name or ARN, or the foundation model of an id or ARN.

    Raises:
        ResourceNotFoundException: neither is there; says which foundation models are.
    """
    row = custom_models.find(connection, identifier, context.region)
    if row is not None:
        return ServedModel(row.arn, row.foundation_model_arn)
    if ":custom-model/" in identifier:
        raise ResourceNotFoundException(
            f"There is no custom model {identifier} in {context.region}"
        )
    try:
        model_id = context.platform.base_models.get(identifier).model_id
    except ModelNotFound as error:
        raise ResourceNotFoundException(
            f"There is no custom model {identifier}, and {error}"
        ) from error
    arn = foundation_model_arn(context.region, model_id)
    return ServedModel(arn, arn)
