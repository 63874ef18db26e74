"""Markers: where the next page of a listing begins."""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.kms.errors import InvalidMarkerException
from outcrop.services.platform import Context


def position(request: Mapping[str, Any], context: Context) -> str:
    """Return the name or id after which the asked page begins, "" for the first page.

    Raises:
        InvalidMarkerException: the marker is none that this operation returned.
    """
    marker = request.get("Marker")
    if not marker:
        return ""
    try:
        return str(decode_token(marker, _key(context))["after"])
    except ValidationException:
        raise InvalidMarkerException(
            "The Marker is not one that this operation returned as NextMarker; start over without it."
        ) from None


def page(member: str, items: Sequence[Any], following: str, context: Context) -> dict[str, Any]:
    """Return the response of a list operation.

    Args:
        following: the name or id after which the next page begins, "" at the end.
    """
    response: dict[str, Any] = {member: items, "Truncated": bool(following)}
    if following:
        response["NextMarker"] = encode_token({"after": following}, _key(context))
    return response


def cut(
    items: Sequence[Any],
    ids: Sequence[str],
    request: Mapping[str, Any],
    limit: int,
    context: Context,
) -> tuple[list[Any], str]:
    """Return the asked page of a short list that was read whole, and where the next one begins.

    Args:
        ids: what tells the items apart, in the order of the items.
        limit: page size where the request names none.
    """
    after = position(request, context)
    start = ids.index(after) + 1 if after in ids else 0
    end = start + int(request.get("Limit", limit))
    return list(items[start:end]), ids[end - 1] if end < len(ids) else ""


def _key(context: Context) -> bytes:
    # A marker of one operation is no marker of another.
    return context.platform.token_key + context.operation.encode()
