"""Requests that come again under the same clientRequestToken: answered as the first time, done once."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from outcrop.aws.errors import ConflictException, ServiceError, ValidationException
from outcrop.services.bedrock.times import now_us
from outcrop.services.platform import Context
from outcrop.storage import idempotency

# The others do not declare ConflictException in the service model.
_DECLARE_CONFLICT = frozenset({"CreateModelCustomizationJob", "CreateInferenceProfile"})


def replay(
    connection: Connection, request: Mapping[str, Any], context: Context
) -> dict[str, Any] | None:
    """Return the answer that this request already got, or None when it is new.

    Raises:
        ConflictException: the token was used for another request (ValidationException where the operation
            does not declare it).
    """
    token = request.get(idempotency.TOKEN_MEMBER)
    if token is None:
        return None
    earlier = idempotency.find(connection, context.region, context.operation, token)
    if earlier is None:
        return None
    if earlier[0] != idempotency.digest(request):
        error: type[ServiceError] = (
            ConflictException if context.operation in _DECLARE_CONFLICT else ValidationException
        )
        raise error(
            f"clientRequestToken {token} was already used for a different {context.operation} request: "
            "use a new token for a new request"
        )
    return earlier[1]


def remember(
    connection: Connection,
    request: Mapping[str, Any],
    response: Mapping[str, Any],
    context: Context,
) -> None:
    """Keep an answer, in the transaction that earned it."""
    idempotency.remember(
        connection,
        context.region,
        context.operation,
        request,
        response=response,
        now_us=now_us(context.platform.clock),
    )
