"""Pages of lists: where the next one begins, as an opaque token."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.platform import Context
from outcrop.services.secretsmanager.errors import InvalidNextTokenException


def read_position(request: Mapping[str, Any], context: Context) -> dict[str, Any] | None:
    """Return what `write_position` sealed, or None for the first page.

    Raises:
        InvalidNextTokenException: the token was not given out by this operation.
    """
    token = request.get("NextToken")
    if not token:
        return None
    try:
        return decode_token(token, _key(context))
    except ValidationException:
        raise InvalidNextTokenException from None


def write_position(position: Mapping[str, Any] | None, context: Context) -> str | None:
    """Return the token for where the next page begins; None when there is none."""
    return None if position is None else encode_token(position, _key(context))


def _key(context: Context) -> bytes:
    # A token of one operation is no token of another.
    return context.platform.token_key + f"secretsmanager:{context.operation}".encode()
