"""The request path: every step in order, and what happens when one of them refuses."""

from collections.abc import Awaitable, Callable

from outcrop.aws import wire
from outcrop.aws.http import HttpResponse
from outcrop.aws.routing import guess_protocol
from outcrop.gateway.call import Call
from outcrop.gateway.connection import ClientDisconnected
from outcrop.gateway.cross_origin import (
    add_cross_origin_headers,
    answer_preflight,
    is_preflight,
)
from outcrop.gateway.failures import as_service_error
from outcrop.gateway.parts import Parts
from outcrop.gateway.record import record
from outcrop.gateway.steps.authenticate import authenticate
from outcrop.gateway.steps.authorize import authorize
from outcrop.gateway.steps.dispatch import dispatch
from outcrop.gateway.steps.find_operation import find_operation
from outcrop.gateway.steps.parse import parse
from outcrop.gateway.steps.route import route, signing_name_of
from outcrop.gateway.steps.serialize import serialize

Step = Callable[[Call, Parts], Awaitable[None] | None]

# A new step (throttling, auditing) is a function in steps/ and a line here.
STEPS: tuple[Step, ...] = (
    route,  # which operation, from the raw path and the credential scope
    authenticate,  # who calls; reads the body the signature covers
    find_operation,  # the function that implements it
    parse,  # wire names and types, checked against the service model
    authorize,  # may they
    dispatch,  # the function itself
    serialize,  # the result in the service's protocol
)
# Calls of this process come routed, authenticated and parsed.
IN_PROCESS_STEPS: tuple[Step, ...] = (find_operation, parse, authorize, dispatch)


async def answer(call: Call, gateway: Parts) -> HttpResponse:
    """Take a network call through the chain and return the response, be it a result or an error.

    Raises:
        ClientDisconnected: nobody is left to answer.
    """
    if is_preflight(call, gateway):
        return answer_preflight(call, gateway)
    try:
        await _run(STEPS, call, gateway)
        assert call.response is not None
    except ClientDisconnected:
        call.failure = "ClientDisconnected"
        raise
    except Exception as exception:  # noqa: BLE001  # the one broad handler: no failure goes unanswered
        error = as_service_error(exception, call)
        call.failure, call.failure_message = error.code, error.message
        call.response = wire.serialize_error(
            call.route or guess_protocol(call.request, signing_name_of(call)),
            error,
            call.request_id,
        )
        call.response.headers.extend(call.response_headers)
    finally:
        record(call, gateway)
    add_cross_origin_headers(call, gateway)
    return call.response


async def perform(call: Call, gateway: Parts) -> None:
    """Take a call of this process through the chain; what a step raises reaches the caller."""
    try:
        await _run(IN_PROCESS_STEPS, call, gateway)
    except Exception as exception:
        call.failure = getattr(exception, "code", type(exception).__name__)
        call.failure_message = str(exception)
        raise
    finally:
        record(call, gateway)


async def _run(steps: tuple[Step, ...], call: Call, gateway: Parts) -> None:
    for step in steps:
        pending = step(call, gateway)
        if pending is not None:
            await pending
