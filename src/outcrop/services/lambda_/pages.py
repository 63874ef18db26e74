"""Pages of lists: where the next one begins, as an opaque marker."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.lambda_.errors import InvalidParameterValueException
from outcrop.services.platform import Context

_PAGE = 50  # however many are asked for: API reference, MaxItems


def limit(request: Mapping[str, Any]) -> int:
    """Return how many items a page has."""
    wanted: int = request.get("MaxItems", _PAGE)
    return min(wanted, _PAGE)


def position(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return what `marker` sealed; empty for the first page.

    Raises:
        InvalidParameterValueException: the marker is none that this operation returned.
    """
    token = request.get("Marker")
    if not token:
        return {}
    try:
        return decode_token(token, _key(context))
    except ValidationException:
        raise InvalidParameterValueException("Invalid Marker") from None


def marker(state: Mapping[str, Any] | None, context: Context) -> str | None:
    """Return the marker of where the next page begins, None where there is none."""
    return None if state is None else encode_token(state, _key(context))


def cut(
    items: list[dict[str, Any]], request: Mapping[str, Any], context: Context
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of a whole list, and the marker of the next."""
    start = int(position(request, context).get("start", 0))
    end = start + limit(request)
    following = {"start": end} if end < len(items) else None
    return items[start:end], marker(following, context)


def _key(context: Context) -> bytes:
    # A marker of one operation is no marker of another.
    return context.platform.token_key + f"lambda:{context.operation}".encode()
