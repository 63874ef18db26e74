"""Pages of lists: a slice, and an opaque token for where the next one begins."""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.platform import Context
from outcrop.services.service_quotas.errors import InvalidPaginationTokenException

_DEFAULT_PAGE = 100
# This service's tokens are of base64's usual alphabet (its service model), ours of that of URLs.
_TO_WIRE = str.maketrans("-_", "+/")
_FROM_WIRE = str.maketrans("+/", "-_")


def page(
    member: str,
    entries: Sequence[tuple[str, Mapping[str, Any]]],
    request: Mapping[str, Any],
    context: Context,
) -> dict[str, Any]:
    """Return the response of a list operation.

    Args:
        entries: key and description of everything, in order; a page begins after the key of the one before.

    Raises:
        InvalidPaginationTokenException: the token was not given out by this operation.
    """
    key = context.platform.token_key + f"service-quotas:{context.operation}".encode()
    keys = [key for key, _ in entries]
    start = 0
    if token := request.get("NextToken"):
        try:
            after = decode_token(token.rstrip("=").translate(_FROM_WIRE), key)["after"]
            start = keys.index(after) + 1
        except (ValidationException, ValueError):
            raise InvalidPaginationTokenException from None
    end = start + request.get("MaxResults", _DEFAULT_PAGE)
    response: dict[str, Any] = {member: [description for _, description in entries[start:end]]}
    if end < len(entries):
        response["NextToken"] = encode_token({"after": keys[end - 1]}, key).translate(_TO_WIRE)
    return response
