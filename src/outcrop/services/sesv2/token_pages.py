"""Pages of SES v2's lists: at most PageSize, and a NextToken where there is more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.platform import Context
from outcrop.services.sesv2.errors import InvalidNextTokenException

ItemT = TypeVar("ItemT")
_USUAL = 1000


def page(
    everything: Sequence[ItemT],
    key: Callable[[ItemT], str],
    request: Mapping[str, Any],
    context: Context,
) -> tuple[Sequence[ItemT], dict[str, str]]:
    """Return the page of a whole list that the request asks for, with NextToken where there is more.

    Raises:
        InvalidNextTokenException: the token is not one that this operation returned.
    """
    place = 0
    if token := request.get("NextToken"):
        try:
            state = decode_token(token, context.platform.token_key)
        except ValidationException:
            state = {}
        if state.get("operation") != context.operation:
            raise InvalidNextTokenException("The NextToken is not valid.")
        keys = [key(item) for item in everything]
        place = keys.index(state["after"]) + 1 if state["after"] in keys else 0
    limit = request.get("PageSize") or _USUAL
    items = everything[place : place + limit]
    if place + limit >= len(everything):
        return items, {}
    state = {"operation": context.operation, "after": key(items[-1])}
    return items, {"NextToken": encode_token(state, context.platform.token_key)}
