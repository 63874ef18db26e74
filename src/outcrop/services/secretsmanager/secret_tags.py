"""Tags of secrets: TagResource, UntagResource, and those that CreateSecret carries."""

from collections.abc import Iterable, Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.platform import Context
from outcrop.services.secretsmanager import lookup
from outcrop.services.secretsmanager.errors import InvalidParameterException
from outcrop.services.secretsmanager.values import check_text
from outcrop.storage import tags as tag_rows

_MOST_TAGS = 50
_RESERVED_PREFIX = "aws:"


@operation("secretsmanager:TagResource")
def tag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Add tags to a secret, or give those it has new values.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        InvalidParameterException: it would carry more than 50, or a key is reserved.
        InvalidRequestException: the secret is marked for deletion.
    """
    tags = read_tags(request["Tags"])
    with context.platform.database.write(durable=True) as connection:
        secret = lookup.require_usable(connection, request["SecretId"], context)
        _check_count(tag_rows.of(connection, secret.arn).keys() | tags.keys())
        tag_rows.put(connection, secret.arn, tags)
    return {}


@operation("secretsmanager:UntagResource")
def untag_resource(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Take tags off a secret; keys that it does not have are no error.

    Raises:
        ResourceNotFoundException: no such secret in this region.
        InvalidRequestException: the secret is marked for deletion.
    """
    for key in request["TagKeys"]:
        check_text("TagKeys", key)
    with context.platform.database.write(durable=True) as connection:
        secret = lookup.require_usable(connection, request["SecretId"], context)
        tag_rows.drop(connection, secret.arn, request["TagKeys"])
    return {}


def read_tags(given: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Return the tags of a request by key.

    Raises:
        InvalidParameterException: a key is missing, given twice or reserved, or there are more than 50.
    """
    found: dict[str, str] = {}
    for tag in given or ():
        key, value = tag.get("Key"), tag.get("Value", "")
        if not key:
            raise InvalidParameterException("A tag has no Key: give each tag one.")
        check_text("Tags", key + value)
        if key.lower().startswith(_RESERVED_PREFIX):
            raise InvalidParameterException(
                f"The tag key {key} begins with aws:, which is reserved for AWS use."
            )
        if key in found:
            raise InvalidParameterException(
                f"The tag key {key} is given twice: give each key once."
            )
        found[key] = value
    _check_count(found)
    return found


def _check_count(keys: Iterable[str]) -> None:
    count = len(list(keys))
    if count > _MOST_TAGS:
        raise InvalidParameterException(
            f"The secret would have {count} tags: a secret can have {_MOST_TAGS}."
        )
