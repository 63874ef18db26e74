"""Pages of IAM's lists: at most MaxItems, and a Marker where there is more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.iam.errors import ValidationError
from outcrop.services.platform import Context

ItemT = TypeVar("ItemT")
_USUAL_ITEMS = 100


def limit_of(request: Mapping[str, Any]) -> int:
    """Return how many items the caller takes at once."""
    return int(request.get("MaxItems", _USUAL_ITEMS))


def start_of(request: Mapping[str, Any], context: Context) -> str:
    """Return the key after which a page begins, "" for the first page.

    Raises:
        ValidationError: the Marker is not one that this operation returned.
    """
    marker = request.get("Marker")
    if marker is None:
        return ""
    try:
        state = decode_token(marker, context.platform.token_key)
    except ValidationException:
        raise ValidationError("Invalid Marker.") from None
    if state["operation"] != context.operation:
        raise ValidationError("Invalid Marker.")
    return str(state["after"])


def page_end(
    found: Sequence[ItemT],
    key: Callable[[ItemT], str],
    request: Mapping[str, Any],
    context: Context,
) -> tuple[Sequence[ItemT], dict[str, Any]]:
    """Cut a page off a list that begins where the page does.

    Args:
        found: in the order of `key`; at least one more than fits, if there is more.
        key: of an item; later pages begin after the last one's.
        request: has MaxItems.
        context: of the call.

    Returns:
        The items of the page, and IsTruncated with Marker.
    """
    limit = limit_of(request)
    if len(found) <= limit:
        return found, {"IsTruncated": False}
    items = found[:limit]
    state = {"operation": context.operation, "after": key(items[-1])}
    return items, {
        "IsTruncated": True,
        "Marker": encode_token(state, context.platform.token_key),
    }


def page(
    everything: Sequence[ItemT],
    key: Callable[[ItemT], str],
    request: Mapping[str, Any],
    context: Context,
) -> tuple[Sequence[ItemT], dict[str, Any]]:
    """Return the page of a whole list that the request asks for, with IsTruncated and Marker."""
    after = start_of(request, context)
    rest = sorted((item for item in everything if key(item) > after), key=key)
    return page_end(rest, key, request, context)
