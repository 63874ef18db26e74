"""Foundation models: the catalogue as AWS lists it."""

from typing import TYPE_CHECKING, Any

from outcrop.aws.arns import foundation_model_arn
from outcrop.aws.errors import ResourceNotFoundException
from outcrop.aws.operation import operation
from outcrop.core.errors import ModelNotFound
from outcrop.core.models import BaseModel
from outcrop.services.platform import Context

if TYPE_CHECKING:
    from types_boto3_bedrock.type_defs import (
        GetFoundationModelAvailabilityRequestTypeDef,
        GetFoundationModelRequestTypeDef,
        ListFoundationModelsRequestTypeDef,
    )

_MODALITIES = ["TEXT"]
_INFERENCE_TYPES = ["ON_DEMAND", "PROVISIONED"]


@operation("bedrock:ListFoundationModels")
def list_foundation_models(
    request: "ListFoundationModelsRequestTypeDef", context: Context
) -> dict[str, Any]:
    """List the models and aliases of the catalogue that match every filter, by id."""
    summaries = [
        _describe(model, context.region)
        for model in context.platform.base_models.list()
        if _matches(model, request)
    ]
    return {"modelSummaries": summaries}


@operation("bedrock:GetFoundationModel")
def get_foundation_model(
    request: "GetFoundationModelRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Describe a foundation model by id or ARN.

    Raises:
        ResourceNotFoundException: the catalogue has no such model; the message names those it has.
    """
    model = _require(request["modelIdentifier"], context)
    return {"modelDetails": _describe(model, context.region)}


@operation("bedrock:GetFoundationModelAvailability")
def get_foundation_model_availability(
    request: "GetFoundationModelAvailabilityRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Say that a model of the catalogue can be used: it lies on this machine, under no agreement.

    Raises:
        ResourceNotFoundException: the catalogue has no such model.
    """
    model = _require(request["modelId"], context)
    return {
        "modelId": model.model_id,
        "agreementAvailability": {"status": "AVAILABLE"},
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": "AVAILABLE",
        "regionAvailability": "AVAILABLE",
    }


def _require(identifier: str, context: Context) -> BaseModel:
    try:
        return context.platform.base_models.get(identifier)
    except ModelNotFound as error:
        raise ResourceNotFoundException(str(error)) from error


def _matches(model: BaseModel, request: "ListFoundationModelsRequestTypeDef") -> bool:
    provider = request.get("byProvider")
    customization = request.get("byCustomizationType")
    return (
        (provider is None or provider.lower() == model.provider.lower())
        and (customization is None or customization in model.customizations)
        and request.get("byOutputModality", _MODALITIES[0]) in _MODALITIES
        and request.get("byInferenceType", _INFERENCE_TYPES[0]) in _INFERENCE_TYPES
    )


def _describe(model: BaseModel, region: str) -> dict[str, Any]:
    return {
        "modelArn": foundation_model_arn(region, model.model_id),
        "modelId": model.model_id,
        "modelName": model.name,
        "providerName": model.provider,
        "inputModalities": _MODALITIES,
        "outputModalities": _MODALITIES,
        "responseStreamingSupported": True,
        "customizationsSupported": list(model.customizations),
        "inferenceTypesSupported": _INFERENCE_TYPES,
        "modelLifecycle": {"status": "ACTIVE"},
    }
