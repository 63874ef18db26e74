"""Idempotency tokens: which request was answered with what."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select

from outcrop.storage.database.tables.customization import idempotency_tokens as table
from outcrop.storage.prepared import Prepared

_FIND = Prepared(
    select(table.c.request_digest, table.c.response_json).where(
        table.c.region == bindparam("region"),
        table.c.operation == bindparam("operation"),
        table.c.token == bindparam("token"),
    )
)
TOKEN_MEMBER = "clientRequestToken"  # noqa: S105  # the name of a member, not a secret


def digest(request: Mapping[str, Any]) -> str:
    """Return a fingerprint of a request without its token; the order of members does not matter."""
    rest = {name: value for name, value in request.items() if name != TOKEN_MEMBER}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, default=str).encode()).hexdigest()


def find(
    connection: Connection, region: str, operation: str, token: str
) -> tuple[str, dict[str, Any]] | None:
    """Return (digest of the request, response) that a token was used for."""
    row = _FIND.first(connection, region=region, operation=operation, token=token)
    return None if row is None else (row[0], json.loads(row[1]))


def remember(  # noqa: PLR0913  # all of them make up the row
    connection: Connection,
    region: str,
    operation: str,
    request: Mapping[str, Any],
    *,
    response: Mapping[str, Any],
    now_us: int,
) -> None:
    """Keep the answer to a request that carries a token, in the transaction that earned it."""
    token = request.get(TOKEN_MEMBER)
    if token is None:
        return
    connection.execute(
        table.insert().values(
            region=region,
            operation=operation,
            token=token,
            request_digest=digest(request),
            response_json=json.dumps(response),
            created_us=now_us,
        )
    )
