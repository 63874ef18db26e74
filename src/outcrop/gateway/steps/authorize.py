"""Step 5: may the caller do this, to the very things that the parsed request names."""

import asyncio
from collections.abc import Awaitable, Mapping
from functools import partial

from outcrop.gateway.call import Call
from outcrop.gateway.parts import Parts
from outcrop.gateway.signature_keys import signature_keys
from outcrop.identity.permissions import ConditionValues, Need
from outcrop.identity.request_context import Circumstances

_NO_CONDITIONS: Mapping[str, ConditionValues] = {}


def authorize(call: Call, gateway: Parts) -> Awaitable[None] | None:
    """Refuse a call that policies do not allow; a streamed body has not been read yet.

    Raises:
        ServiceError: the service's "access denied", naming action, resource and reason.
    """
    if gateway.reads_inline:
        _check(call, gateway)
        return None
    return asyncio.to_thread(_check, call, gateway)  # a look-up in a database server takes its time


def require(
    call: Call,
    gateway: Parts,
    action: str,
    resource: str,
    conditions: Mapping[str, ConditionValues] = _NO_CONDITIONS,
) -> None:
    """Refuse an operation under way that its caller's policies do not allow to go on.

    Raises:
        ServiceError: the service's "access denied", naming action, resource and reason.
    """
    need = Need(action, resource, conditions)
    gateway.authorizer.require(need, call.caller(), _circumstances(call))


def _check(call: Call, gateway: Parts) -> None:
    gateway.authorizer.check(
        call.routed().operation, call.parameters, call.caller(), _circumstances(call)
    )


def _circumstances(call: Call) -> Circumstances:
    service, request = call.routed().service, call.request
    is_in_process = call.connection is None
    return Circumstances(
        service,
        call.region,
        call.received_at,
        client_ip="" if is_in_process else request.client_ip,
        is_secure=is_in_process or request.scheme == "https",
        headers=request.headers,
        more=partial(signature_keys, call) if service == "s3" and not is_in_process else dict,
    )
