"""Tags: TagResource, UntagResource, ListTagsForResource, and the tags that create operations carry."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection

from outcrop.aws.errors import (
    ResourceNotFoundException,
    TooManyTagsException,
    ValidationException,
)
from outcrop.aws.operation import operation
from outcrop.services.bedrock.identifiers import id_of
from outcrop.services.platform import Context
from outcrop.storage import customization_jobs, inference_profiles, models
from outcrop.storage import tags as repository
from outcrop.storage.endpoints import DEPLOYMENTS, THROUGHPUTS

if TYPE_CHECKING:
    from types_boto3_bedrock.type_defs import (
        ListTagsForResourceRequestTypeDef,
        TagResourceRequestTypeDef,
        UntagResourceRequestTypeDef,
    )

_MOST_TAGS = 50  # per resource (General reference, Bedrock quotas); the shape alone would allow 200
_RESERVED_PREFIX = "aws:"


class _Tagged(Protocol):
    """A row of something that can carry tags."""

    @property
    def arn(self) -> str: ...

    @property
    def region(self) -> str: ...


@operation("bedrock:TagResource")
def tag_resource(request: "TagResourceRequestTypeDef", context: Context) -> dict[str, Any]:
    """Add tags to a resource, or give those it has new values.

    Raises:
        ResourceNotFoundException: no such resource in this region.
        TooManyTagsException: it would carry more than 50.
    """
    arn = request["resourceARN"]
    with context.platform.database.write() as connection:
        _require(connection, arn, context)
        put(connection, arn, read(request["tags"], arn))
    return {}


@operation("bedrock:UntagResource")
def untag_resource(request: "UntagResourceRequestTypeDef", context: Context) -> dict[str, Any]:
    """Take tags off a resource; keys that it does not have are no error.

    Raises:
        ResourceNotFoundException: no such resource in this region.
    """
    with context.platform.database.write() as connection:
        _require(connection, request["resourceARN"], context)
        repository.drop(connection, request["resourceARN"], request["tagKeys"])
    return {}


@operation("bedrock:ListTagsForResource")
def list_tags_for_resource(
    request: "ListTagsForResourceRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Return the tags of a resource, by key.

    Raises:
        ResourceNotFoundException: no such resource in this region.
    """
    with context.platform.database.read() as connection:
        _require(connection, request["resourceARN"], context)
        found = repository.of(connection, request["resourceARN"])
    return {"tags": [{"key": key, "value": value} for key, value in found.items()]}


def read(tags: Iterable[Mapping[str, Any]] | None, resource: str) -> dict[str, str]:
    """Return the tags of a request by key.

    Args:
        tags: as the wire has them, or None.
        resource: what they are for, in errors: a name or an ARN.

    Raises:
        ValidationException: a key is there twice, or reserved.
        TooManyTagsException: there are more than 50.
    """
    found: dict[str, str] = {}
    for tag in tags or ():
        key = tag["key"]
        if key in found:
            raise ValidationException(f"The tag key {key!r} is given twice: give each key once")
        if key.lower().startswith(_RESERVED_PREFIX):
            raise ValidationException(f"The tag key {key!r} begins with aws:, which is reserved")
        found[key] = tag["value"]
    _check_count(len(found), resource)
    return found


def put(connection: Connection, arn: str, tags: Mapping[str, str]) -> None:
    """Add tags to a resource, within the limit.

    Raises:
        TooManyTagsException: it would carry more than 50.
    """
    present = repository.of(connection, arn)
    _check_count(len(present.keys() | tags.keys()), arn)
    repository.put(connection, arn, tags)


def _check_count(count: int, resource: str) -> None:
    if count > _MOST_TAGS:
        raise TooManyTagsException(
            f"{resource} would have {count} tags: a resource can have {_MOST_TAGS}",
            resourceName=resource,
        )


def _require(connection: Connection, arn: str, context: Context) -> None:
    kind = arn.split(":", 5)[-1].partition("/")[0]
    found: _Tagged | None = None
    match kind:
        case "model-customization-job":
            found = customization_jobs.get(connection, id_of(arn))
        case "custom-model":
            found = models.get(connection, id_of(arn))
        case "provisioned-model":
            found = THROUGHPUTS.get(connection, id_of(arn))
        case "custom-model-deployment":
            found = DEPLOYMENTS.get(connection, id_of(arn))
        case "application-inference-profile":
            found = inference_profiles.get(connection, id_of(arn), context.region)
    if found is None or found.arn != arn or found.region != context.region:
        raise ResourceNotFoundException(f"There is no resource {arn} that can carry tags")
