"""Pages of SES's lists: at most MaxItems, and a NextToken where there is more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.platform import Context
from outcrop.services.ses.errors import InvalidParameterValue

ItemT = TypeVar("ItemT")


def page(
    everything: Sequence[ItemT],
    key: Callable[[ItemT], str],
    request: Mapping[str, Any],
    context: Context,
    usual: int,
) -> tuple[Sequence[ItemT], dict[str, str]]:
    """Return the page of a whole list that the request asks for, with NextToken where there is more.

    Args:
        everything: in the order in which it is listed.
        key: of an item; the next page begins after the last one's.
        request: has MaxItems and NextToken.
        context: of the call.
        usual: how many items a caller gets who does not say.

    Raises:
        InvalidParameterValue: the token is not one that this operation returned.
    """
    items, place = everything, 0
    if token := request.get("NextToken"):
        try:
            state = decode_token(token, context.platform.token_key)
        except ValidationException:
            state = {}
        if state.get("operation") != context.operation:
            raise InvalidParameterValue("The NextToken is not valid.")
        keys = [key(item) for item in everything]
        place = keys.index(state["after"]) + 1 if state["after"] in keys else 0
    limit = request.get("MaxItems") or usual
    items = everything[place : place + limit]
    if place + limit >= len(everything):
        return items, {}
    state = {"operation": context.operation, "after": key(items[-1])}
    return items, {"NextToken": encode_token(state, context.platform.token_key)}
