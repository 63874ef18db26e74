"""Pages of lists that are short enough to be read whole."""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.aws.errors import ValidationException
from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.platform import Context

_PAGE = 100


def page(
    member: str, items: Sequence[Any], request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Return the response of a list operation.

    Args:
        member: of the response that holds the items.
        items: all of them, in order.
        request: with Limit and NextToken.
        context: of the call.

    Raises:
        ValidationException: the token is none that this operation returned.
    """
    key = context.platform.token_key + context.operation.encode()
    start = 0
    if token := request.get("NextToken"):
        try:
            start = int(decode_token(token, key)["start"])
        except ValidationException:
            raise ValidationException(
                "The NextToken is not valid; start over without it."
            ) from None
    end = start + int(request.get("Limit", _PAGE))
    response: dict[str, Any] = {member: list(items[start:end])}
    if end < len(items):
        response["NextToken"] = encode_token({"start": end}, key)
    return response
