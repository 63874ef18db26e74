"""Tags of keys."""

from collections.abc import Iterable, Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.services.kms.errors import LimitExceededException, TagException
from outcrop.services.kms.identifiers import find_by_id
from outcrop.services.kms.pages import cut, page
from outcrop.services.kms.states import require_customer_key, require_not_pending
from outcrop.services.platform import Context
from outcrop.storage import tags as repository
from outcrop.storage.kms_keys import keys

_MOST_TAGS = 50
_PAGE = 50


@operation("kms:TagResource")
def tag_resource(request: Mapping[str, Any], context: Context) -> None:
    """Add tags to a key, or give those it has new values.

    Raises:
        NotFoundException: no such key.
        KMSInvalidStateException: it is to be deleted.
        TagException: a tag is reserved or there twice.
        LimitExceededException: it would carry more than 50.
    """
    tags = read_tags(request["Tags"])
    with context.platform.database.write(durable=True) as connection:
        row = find_by_id(connection, request["KeyId"], context)
        require_customer_key(row)
        require_not_pending(row)
        if len(repository.of(connection, row.arn).keys() | tags.keys()) > _MOST_TAGS:
            raise LimitExceededException(f"{row.arn} would have more than {_MOST_TAGS} tags")
        repository.put(connection, row.arn, tags)
        keys.change(connection, row.id)


@operation("kms:UntagResource")
def untag_resource(request: Mapping[str, Any], context: Context) -> None:
    """Take tags off a key; those that it does not have are no error.

    Raises:
        NotFoundException: no such key.
        KMSInvalidStateException: it is to be deleted.
    """
    with context.platform.database.write(durable=True) as connection:
        row = find_by_id(connection, request["KeyId"], context)
        require_customer_key(row)
        require_not_pending(row)
        repository.drop(connection, row.arn, request["TagKeys"])
        keys.change(connection, row.id)


@operation("kms:ListResourceTags")
def list_resource_tags(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return the tags of a key, by tag key.

    Raises:
        NotFoundException: no such key.
        InvalidMarkerException: the marker is none that this operation returned.
    """
    with context.platform.database.read() as connection:
        row = find_by_id(connection, request["KeyId"], context)
        found = repository.of(connection, row.arn)
    items = [{"TagKey": key, "TagValue": value} for key, value in found.items()]
    shown, following = cut(items, list(found), request, _PAGE, context)
    return page("Tags", shown, following, context)


def read_tags(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Return the tags of a request by key.

    Raises:
        TagException: a key is reserved or there twice, or there are too many.
    """
    found: dict[str, str] = {}
    for tag in tags or ():
        key = tag["TagKey"]
        if key.lower().startswith("aws:"):
            raise TagException("Tags beginning with aws: are reserved")
        if key in found:
            raise TagException(f"Duplicate tag key: {key}")
        found[key] = tag["TagValue"]
    if len(found) > _MOST_TAGS:
        raise TagException(f"A key can have {_MOST_TAGS} tags, not {len(found)}")
    return found
