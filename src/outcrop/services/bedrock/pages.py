"""Filters and pages, the same for every list operation of Bedrock."""

from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.aws.pagination import decode_token, encode_token
from outcrop.services.bedrock.times import to_us
from outcrop.services.platform import Context
from outcrop.storage.listing import Filters

_DEFAULT_PAGE = 100  # AWS documents no default; its API answers a hundred


def read_filters(
    request: Mapping[str, Any],
    context: Context,
    equals: Mapping[str, str | None],
    *,
    after: str = "creationTimeAfter",
    before: str = "creationTimeBefore",
) -> Filters:
    """Return what a list request asks for.

    Args:
        equals: column → value it must have, None for any.
        after: member of the lower bound of the creation time.
        before: member of the upper bound.

    Raises:
        ValidationException: the token is not one that this operation gave out.
    """
    earliest, latest = request.get(after), request.get(before)
    position = None
    if token := request.get("nextToken"):
        state = decode_token(token, _key(context))
        position = (int(state["created_us"]), str(state["id"]))
    return Filters(
        region=context.region,
        equals={column: value for column, value in equals.items() if value is not None},
        created_after_us=None if earliest is None else to_us(earliest),
        created_before_us=None if latest is None else to_us(latest),
        name_contains=request.get("nameContains", ""),
        ascending=request.get("sortOrder") == "Ascending",
        limit=request.get("maxResults", _DEFAULT_PAGE),
        after=position,
    )


def write_page(
    member: str,
    summaries: Sequence[Mapping[str, Any]],
    following: tuple[int, str] | None,
    context: Context,
) -> dict[str, Any]:
    """Return the response of a list operation."""
    response: dict[str, Any] = {member: summaries}
    if following is not None:
        state = {"created_us": following[0], "id": following[1]}
        response["nextToken"] = encode_token(state, _key(context))
    return response


def _key(context: Context) -> bytes:
    # A token of one operation is no token of another.
    return context.platform.token_key + context.operation.encode()
