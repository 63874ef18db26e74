"""The record of a call: one line in the log at debug level, with neither bodies nor secrets."""

import structlog

from outcrop.gateway.call import Call
from outcrop.gateway.parts import Parts

log = structlog.get_logger("outcrop.gateway")


def record(call: Call, gateway: Parts) -> None:
    """Log how the call went, where requests are logged at all."""
    if not gateway.logs_requests:
        return
    taken = gateway.clock.now() - call.received_at
    log.debug(
        "request",
        request_id=call.request_id,
        service=call.route.service if call.route else "",
        operation=call.route.operation if call.route else "",
        principal=call.principal.arn if call.principal else "",
        client=call.request.client_ip if call.connection else "in-process",
        status=call.response.status if call.response else 0,
        failure=call.failure,
        milliseconds=round(taken.total_seconds() * 1000, 1),
    )
