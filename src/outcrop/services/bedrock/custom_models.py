"""Custom models: get, list, delete. They are made by customization jobs."""

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from outcrop.aws.arns import is_arn
from outcrop.aws.errors import ConflictException, ResourceNotFoundException
from outcrop.aws.operation import operation
from outcrop.core.models import stem_of
from outcrop.services import model_keys
from outcrop.services.bedrock.identifiers import id_of
from outcrop.services.bedrock.pages import read_filters, write_page
from outcrop.services.bedrock.times import from_us
from outcrop.services.platform import Context
from outcrop.storage import models as repository
from outcrop.storage import tags
from outcrop.storage.models import ModelRow

if TYPE_CHECKING:
    from types_boto3_bedrock.type_defs import (
        DeleteCustomModelRequestTypeDef,
        GetCustomModelRequestTypeDef,
        ListCustomModelsRequestTypeDef,
    )

_ACTIVE = "Active"


@operation("bedrock:GetCustomModel")
def get_custom_model(request: "GetCustomModelRequestTypeDef", context: Context) -> dict[str, Any]:
    """Describe a custom model by name or ARN.

    Raises:
        ResourceNotFoundException: no such model in this region.
    """
    with context.platform.database.read() as connection:
        row = require(connection, request["modelIdentifier"], context.region)
    return {
        **row.detail,
        "modelArn": row.arn,
        "modelName": row.name,
        "baseModelArn": row.base_model_arn,
        "customizationType": row.customization_type,
        "creationTime": from_us(row.created_us),
        "modelStatus": _ACTIVE,
    }


@operation("bedrock:ListCustomModels")
def list_custom_models(
    request: "ListCustomModelsRequestTypeDef", context: Context
) -> dict[str, Any]:
    """List custom models, the newest first unless asked otherwise."""
    if request.get("isOwned") is False or request.get("modelStatus", _ACTIVE) != _ACTIVE:
        # There is one account, and a model exists only once it is complete.
        return write_page("modelSummaries", [], None, context)
    filters = read_filters(
        request,
        context,
        {
            "base_model_arn": request.get("baseModelArnEquals"),
            "foundation_model_arn": request.get("foundationModelArnEquals"),
        },
    )
    with context.platform.database.read() as connection:
        rows, following = repository.page(connection, filters)
    summaries = [
        {
            "modelArn": arn,
            "modelName": name,
            "creationTime": from_us(created_us),
            "baseModelArn": base_model_arn,
            "baseModelName": stem_of(id_of(foundation_model_arn)),
            "customizationType": customization_type,
            "ownerAccountId": context.account_id,
            "modelStatus": _ACTIVE,
        }
        for created_us, _, arn, name, base_model_arn, foundation_model_arn, customization_type in rows
    ]
    return write_page("modelSummaries", summaries, following, context)


@operation("bedrock:DeleteCustomModel")
async def delete_custom_model(
    request: "DeleteCustomModelRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Delete a custom model and its weights.

    Raises:
        ResourceNotFoundException: no such model in this region.
        ConflictException: something still needs it.
    """
    platform = context.platform
    row = await asyncio.to_thread(_remove, request["modelIdentifier"], context)
    seal = model_keys.seal_of(platform.home.custom_models / row.id)
    await model_keys.retire(platform, seal, row.region)
    await asyncio.to_thread(repository.remove_folder, platform.home, row.id)
    return {}


def _remove(identifier: str, context: Context) -> ModelRow:
    with context.platform.database.write(durable=True) as connection:
        row = require(connection, identifier, context.region)
        user = repository.user_of(connection, row)
        if user is not None:
            raise ConflictException(
                f"The custom model {row.name} is in use by {user}: delete that first"
            )
        tags.drop_all(connection, row.arn)
        repository.remove(connection, row.id)
    return row


def find(connection: Connection, identifier: str, region: str) -> ModelRow | None:
    """Return the custom model of a name or ARN."""
    if not is_arn(identifier):
        return repository.find(connection, region, name=identifier)
    row = repository.get(connection, id_of(identifier))
    return row if row is not None and row.arn == identifier and row.region == region else None


def require(connection: Connection, identifier: str, region: str) -> ModelRow:
    """Return the custom model of a name or ARN.

    Raises:
        ResourceNotFoundException: there is none in this region.
    """
    row = find(connection, identifier, region)
    if row is None:
        raise ResourceNotFoundException(f"There is no custom model {identifier} in {region}")
    return row
