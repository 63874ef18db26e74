"""Step 6: the one function that does the work, run where it disturbs nobody.

Async operations run on the event loop. Plain functions that only read run there too on an embedded database, where
they take microseconds. All others run in the writer's thread, so that no commit holds up the loop.
"""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any

from outcrop.aws.operation import RequestContext
from outcrop.gateway.call import Call
from outcrop.gateway.connection import CancelledWhenClientLeaves
from outcrop.gateway.parts import Parts
from outcrop.gateway.steps.authorize import require


async def dispatch(call: Call, gateway: Parts) -> None:
    """Call the operation and keep its result."""
    route = call.routed()
    operation = call.operation
    assert operation is not None
    request = call.request
    context = RequestContext(
        platform=gateway.platform,
        invoke=gateway.invoke,
        principal=call.caller(),
        service=route.service,
        operation=route.operation,
        request_id=call.request_id,
        account_id=gateway.account_id,
        region=call.region,
        received_at=call.received_at,
        scheme=request.scheme,
        host=request.headers.get("host", ""),
        headers=request.headers,
        raw_body=request.body,
        client_ip="" if call.connection is None else request.client_ip,
        response_headers=call.response_headers,
        require=partial(require, call, gateway),
    )
    if operation.is_async:
        result = await _while_connected(operation.function(call.parameters, context), call)
    elif operation.only_reads and gateway.reads_inline:
        result = operation.function(call.parameters, context)
        if asyncio.iscoroutine(result):  # a read that turned out to have to wait
            result = await _while_connected(result, call)
    else:
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(
            gateway.writer, operation.function, call.parameters, context
        )
    call.result = result or {}


async def _while_connected(pending: Awaitable[Any], call: Call) -> Any:
    """Wait for an operation; it is cancelled when its client leaves meanwhile."""
    if call.connection is None:
        return await pending
    with CancelledWhenClientLeaves(call.connection):
        return await pending
