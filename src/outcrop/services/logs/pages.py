"""Tokens of pages: where the next page of a listing begins."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.logs.errors import InvalidParameterException
from outcrop.services.platform import Context

_PAGE = 50
ItemT = TypeVar("ItemT")


def state_of(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return what the request's token says; nothing where it has none.

    Raises:
        InvalidParameterException: the token is none that this operation returned.
    """
    token = request.get("nextToken")
    if not token:
        return {}
    try:
        return decode_token(token, _key(context))
    except ValidationException:
        raise InvalidParameterException("The specified nextToken is invalid.") from None


def token_for(state: Mapping[str, Any], context: Context) -> str:
    """Return the token of a state."""
    return encode_token(state, _key(context))


def cut(
    items: Sequence[ItemT],
    names: Sequence[str],
    request: Mapping[str, Any],
    context: Context,
    most: int = _PAGE,
) -> tuple[Sequence[ItemT], dict[str, str]]:
    """Return the asked page of a list that was read whole, and the nextToken member where there are more.

    Args:
        names: what tells the items apart, in their order.
        most: page size where the request names none.
    """
    after = state_of(request, context).get("after")
    start = names.index(after) + 1 if after in names else 0
    end = start + int(request.get("limit", most))
    following = (
        {"nextToken": token_for({"after": names[end - 1]}, context)} if end < len(names) else {}
    )
    return items[start:end], following


def _key(context: Context) -> bytes:
    # A token of one operation is no token of another.
    return context.platform.token_key + context.operation.encode()
