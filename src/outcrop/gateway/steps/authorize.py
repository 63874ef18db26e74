"""Step 5: may the caller do this, to the very things that the parsed request names."""

import asyncio
from collections.abc import Awaitable

from outcrop.gateway.call import Call
from outcrop.gateway.parts import Parts
from outcrop.identity.request_context import Circumstances


def authorize(call: Call, gateway: Parts) -> Awaitable[None] | None:
    """Refuse a call that policies do not allow; a streamed body has not been read yet.

    Raises:
        ServiceError: the service's "access denied", naming action, resource and reason.
    """
    if gateway.reads_inline:
        _check(call, gateway)
        return None
    return asyncio.to_thread(_check, call, gateway)  # a look-up in a database server takes its time


def _check(call: Call, gateway: Parts) -> None:
    route, request = call.routed(), call.request
    is_in_process = call.connection is None
    gateway.authorizer.check(
        route.operation,
        call.parameters,
        call.caller(),
        Circumstances(
            route.service,
            call.region,
            call.received_at,
            client_ip="" if is_in_process else request.client_ip,
            is_secure=is_in_process or request.scheme == "https",
            headers=request.headers,
        ),
    )
