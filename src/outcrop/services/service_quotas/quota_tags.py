"""Tags of quotas: TagResource, UntagResource, ListTagsForResource."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.service_quotas.errors import (
    IllegalArgumentException,
    NoSuchResourceException,
    TooManyTagsException,
)
from outcrop.services.service_quotas.quota_values import quota_arn, require_quota
from outcrop.storage import tags as tag_rows

_MOST_TAGS = 50


@operation("service-quotas:TagResource")
def tag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add tags to a quota, or give those it has new values.

    Raises:
        NoSuchResourceException: the ARN is that of no quota of this account and region.
        IllegalArgumentException: a key is reserved.
        TooManyTagsException: it would carry more than 50.
    """
    arn = _require(request, context)
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    for key in tags:
        if key.lower().startswith("aws:"):
            raise IllegalArgumentException(
                f"The tag key {key} begins with aws:, which is reserved for AWS use."
            )
    with context.platform.database.write(durable=True) as connection:
        count = len(tag_rows.of(connection, arn).keys() | tags.keys())
        if count > _MOST_TAGS:
            raise TooManyTagsException(
                f"The quota would have {count} tags: it can have {_MOST_TAGS}."
            )
        tag_rows.put(connection, arn, tags)
    return {}


@operation("service-quotas:UntagResource")
def untag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take tags off a quota; keys that it does not have are no error.

    Raises:
        NoSuchResourceException: the ARN is that of no quota of this account and region.
    """
    arn = _require(request, context)
    with context.platform.database.write(durable=True) as connection:
        tag_rows.drop(connection, arn, request["TagKeys"])
    return {}


@operation("service-quotas:ListTagsForResource")
def list_tags_for_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the tags of a quota, by key.

    Raises:
        NoSuchResourceException: the ARN is that of no quota of this account and region.
    """
    found = tag_rows.of(context.platform.database.reader, _require(request, context))
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def _require(request: Mapping[str, Any], context: Context) -> str:
    arn: str = request["ResourceARN"]
    service, _, code = arn.rsplit(":", 1)[-1].partition("/")
    quota = require_quota(service, code)
    if arn != quota_arn(quota, context.region, context.account_id):
        raise NoSuchResourceException(
            "The request failed because the specified quota does not exist."
        )
    return arn
