"""Inference profiles: those every account has, and the account's own copies, which carry tags and permissions."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from outcrop.aws.arns import Arn, is_arn
from outcrop.aws.errors import ResourceNotFoundException, ValidationException
from outcrop.aws.operation import operation
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.core.errors import ModelNotFound
from outcrop.core.ids import resource_id
from outcrop.core.inference_profiles import (
    APPLICATION,
    SYSTEM,
    SystemProfile,
    geography_of,
    models_of_source,
    read_profile_id,
)
from outcrop.core.models import BaseModel
from outcrop.services.bedrock import quota_checks, repeats, tags
from outcrop.services.bedrock.identifiers import id_of
from outcrop.services.bedrock.times import from_us, now_us
from outcrop.services.platform import Context
from outcrop.storage import inference_profiles as repository
from outcrop.storage import tags as tag_rows
from outcrop.storage.inference_profiles import ProfileRow
from outcrop.storage.listing import Filters

if TYPE_CHECKING:
    from types_boto3_bedrock.type_defs import (
        CreateInferenceProfileRequestTypeDef,
        DeleteInferenceProfileRequestTypeDef,
        GetInferenceProfileRequestTypeDef,
        ListInferenceProfilesRequestTypeDef,
    )

_ACTIVE = "ACTIVE"
_SYSTEM_DEFINED = "SYSTEM_DEFINED"
_APPLICATION_TYPE = "APPLICATION"
_DEFAULT_PAGE = 100
_LONGEST_NAME = 64


@operation("bedrock:CreateInferenceProfile")
def create_inference_profile(
    request: "CreateInferenceProfileRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Make a profile of the account's own from a foundation model or a system-defined profile.

    Raises:
        ResourceNotFoundException: there is no such model or profile in this region.
        ValidationException: the source is of another region, or the token was used for another request.
        ServiceQuotaExceededException: too many profiles.
        TooManyTagsException: more than 50 tags.
    """
    now = now_us(context.platform.clock)
    profile_id = resource_id()
    source = request["modelSource"].get("copyFrom", "")
    row = ProfileRow(
        created_us=now,
        id=profile_id,
        region=context.region,
        name=request["inferenceProfileName"],
        arn=f"arn:aws:bedrock:{context.region}:{context.account_id}:{APPLICATION}/{profile_id}",
        description=request.get("description"),
        source_arn=_check_source(source, context),
        modified_us=now,
    )
    response = {"inferenceProfileArn": row.arn, "status": _ACTIVE}
    with context.platform.database.write(durable=True) as connection:
        answer = repeats.replay(connection, request, context)
        if answer is not None:
            return answer
        quota_checks.check_profile(connection, context)
        repository.insert(connection, row)
        tags.put(connection, row.arn, tags.read(request.get("tags"), row.name))
        repeats.remember(connection, request, response, context)
    return response


@operation("bedrock:GetInferenceProfile")
def get_inference_profile(
    request: "GetInferenceProfileRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Describe a profile by id or ARN.

    Raises:
        ResourceNotFoundException: no such profile in this region.
    """
    identifier = request["inferenceProfileIdentifier"]
    row = _find_own(identifier, context)
    if row is not None:
        return _describe(row)
    system = _find_system(identifier, context)
    if system is None:
        raise _not_found(identifier, context)
    return _describe_system(*system, context)


@operation("bedrock:ListInferenceProfiles")
def list_inference_profiles(
    request: "ListInferenceProfilesRequestTypeDef", context: Context
) -> dict[str, Any]:
    """List profiles: the system-defined ones by id, then the account's own, the newest first."""
    kind, limit = request.get("typeEquals"), request.get("maxResults", _DEFAULT_PAGE)
    key = context.platform.token_key + context.operation.encode()
    token = request.get("nextToken")
    state = decode_token(token, key) if token else {}
    summaries: list[dict[str, Any]] = []
    following: dict[str, Any] | None = None
    if kind != _APPLICATION_TYPE and "id" not in state:
        remaining = [
            found for found in _system_profiles(context) if found[0] > state.get("system_after", "")
        ]
        summaries = [_describe_system(system, model, context) for _, system, model in remaining]
        if len(summaries) > limit:
            summaries = summaries[:limit]
            following = {"system_after": remaining[limit - 1][0]}
    if kind != _SYSTEM_DEFINED and following is None and len(summaries) < limit:
        after = (int(state["created_us"]), str(state["id"])) if "id" in state else None
        filters = Filters(context.region, {}, limit=limit - len(summaries), after=after)
        with context.platform.database.read() as connection:
            rows, position = repository.page(connection, filters)
        summaries += map(_describe, rows)
        following = {"created_us": position[0], "id": position[1]} if position else None
    elif kind != _SYSTEM_DEFINED and following is None:
        # The page is full of system-defined profiles, and the last of them is on it.
        following = {"system_after": summaries[-1]["inferenceProfileId"]}
    response: dict[str, Any] = {"inferenceProfileSummaries": summaries}
    if following is not None:
        response["nextToken"] = encode_token(following, key)
    return response


@operation("bedrock:DeleteInferenceProfile")
def delete_inference_profile(
    request: "DeleteInferenceProfileRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Delete a profile of the account's own; what it leads to stays.

    Raises:
        ResourceNotFoundException: no such profile in this region.
        ValidationException: it is system-defined.
    """
    identifier = request["inferenceProfileIdentifier"]
    with context.platform.database.write(durable=True) as connection:
        row = repository.get(connection, id_of(identifier), context.region)
        if row is not None and identifier in {row.id, row.arn}:
            tag_rows.drop_all(connection, row.arn)
            repository.remove(connection, row.id)
            return {}
    if _find_system(identifier, context) is not None:
        raise ValidationException(
            f"{identifier} is a system-defined inference profile: only application inference profiles can be deleted"
        )
    raise _not_found(identifier, context)


def _check_source(source: str, context: Context) -> str:
    arn = Arn.parse(source)
    if arn.region != context.region:
        raise ValidationException(
            f"modelSource.copyFrom {source} is not of this region ({context.region})"
        )
    if arn.resource_type == SYSTEM:
        if _find_system(source, context) is None:
            raise _not_found(source, context)
        return source
    try:
        context.platform.base_models.get(source)
    except ModelNotFound as error:
        raise ResourceNotFoundException(f"modelSource.copyFrom: {error}") from error
    return source


def _find_own(identifier: str, context: Context) -> ProfileRow | None:
    row = repository.get(context.platform.database.reader, id_of(identifier), context.region)
    return row if row is not None and identifier in {row.id, row.arn} else None


def _find_system(identifier: str, context: Context) -> tuple[SystemProfile, BaseModel] | None:
    """Return the system-defined profile of an id or ARN, with its model, where this region offers it."""
    found = read_profile_id(id_of(identifier))
    if found is None or found.geography != geography_of(context.region):
        return None
    if is_arn(identifier) and identifier != _system_arn(found, context):
        return None
    try:
        return found, context.platform.base_models.get(found.model_id)
    except ModelNotFound:
        return None


def _system_profiles(context: Context) -> Sequence[tuple[str, SystemProfile, BaseModel]]:
    geography = geography_of(context.region)
    if not geography:
        return ()
    found = [
        (SystemProfile(geography, model.model_id), model)
        for model in context.platform.base_models.list()
    ]
    return sorted(
        ((profile.profile_id, profile, model) for profile, model in found),
        key=lambda entry: entry[0],
    )


def _system_arn(profile: SystemProfile, context: Context) -> str:
    return f"arn:aws:bedrock:{context.region}:{context.account_id}:{SYSTEM}/{profile.profile_id}"


def _describe(row: ProfileRow) -> dict[str, Any]:
    return {
        "inferenceProfileName": row.name,
        "description": row.description,
        "createdAt": from_us(row.created_us),
        "updatedAt": from_us(row.modified_us),
        "inferenceProfileArn": row.arn,
        "models": [{"modelArn": arn} for arn in models_of_source(row.source_arn)],
        "inferenceProfileId": row.id,
        "status": _ACTIVE,
        "type": _APPLICATION_TYPE,
    }


def _describe_system(profile: SystemProfile, model: BaseModel, context: Context) -> dict[str, Any]:
    # The pattern of names takes letters, digits and single separators.
    words = re.findall(r"[0-9a-zA-Z]+", f"{model.provider} {model.name}")
    name = " ".join([profile.geography.upper(), *words])[:_LONGEST_NAME].strip()
    return {
        "inferenceProfileName": name,
        "description": f"Routes requests to {model.model_id} in the regions of {profile.geography}.",
        "inferenceProfileArn": _system_arn(profile, context),
        "models": [{"modelArn": arn} for arn in profile.model_arns],
        "inferenceProfileId": profile.profile_id,
        "status": _ACTIVE,
        "type": _SYSTEM_DEFINED,
    }


def _not_found(identifier: str, context: Context) -> ResourceNotFoundException:
    return ResourceNotFoundException(
        f"There is no inference profile {identifier} in {context.region}"
    )
