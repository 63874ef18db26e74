"""Pages of lists: how much one holds, and where the next one begins, as an opaque token."""

from collections.abc import Mapping
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.platform import Context
from outcrop.services.stepfunctions.errors import InvalidToken

_DEFAULT_PAGE = 100


def limit_of(request: Mapping[str, Any]) -> int:
    """Return how many entries a page may have; 0 stands for the default of 100."""
    limit: int = request.get("maxResults") or _DEFAULT_PAGE
    return limit


def read_position(request: Mapping[str, Any], of: str, context: Context) -> dict[str, Any]:
    """Return what `write_position` sealed, or nothing for the first page.

    Args:
        of: what is listed, such as an ARN; a token of another list is refused.

    Raises:
        InvalidToken: the token was not given out by this operation for this list.
    """
    token = request.get("nextToken")
    if not token:
        return {}
    try:
        return decode_token(token, _key(of, context))
    except ValidationException:
        raise InvalidToken("Invalid Token: 'Invalid token'") from None


def write_position(position: Mapping[str, Any], of: str, context: Context) -> str:
    """Return the token for where the next page begins."""
    return encode_token(position, _key(of, context))


def _key(of: str, context: Context) -> bytes:
    return context.platform.token_key + f"states:{context.operation}:{context.region}:{of}".encode()
