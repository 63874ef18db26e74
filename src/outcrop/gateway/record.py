"""The record of a call: an event in the audit trail, and one line in the log at debug level."""

import structlog

from outcrop.aws import wire
from outcrop.aws.errors import ServiceUnavailableException
from outcrop.aws.routing import guess_protocol
from outcrop.gateway.call import Call
from outcrop.gateway.parts import Parts
from outcrop.gateway.steps.route import signing_name_of
from outcrop.governance.audit.recorder import RecordedCall, Recorder

log = structlog.get_logger("outcrop.gateway")


def record(call: Call, gateway: Parts) -> None:
    """Write the call's event before anybody is answered, and log how it went where requests are logged at all.

    Raises:
        ServiceUnavailableException: the trail cannot be written, in a call of this process; network calls get the
            error as their response.
    """
    if gateway.audit is not None:
        _audit(call, gateway, gateway.audit)
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


def _audit(call: Call, gateway: Parts, recorder: Recorder) -> None:
    is_internal = call.connection is None
    failure = call.failure
    if not failure and call.response is None and not is_internal:
        failure = "ClientDisconnected"  # cancelled when its client left
    recorded = RecordedCall(
        request=call.request,
        request_id=call.request_id,
        region=call.region,
        route=call.route,
        signing_name=signing_name_of(call) or "",
        principal=call.principal,
        claimed_key_id=call.claim.access_key_id if call.claim is not None else "",
        is_internal=is_internal,
        parameters=call.parameters,
        result=call.result,
        failure=failure,
        failure_message=call.failure_message,
    )
    try:
        recorder.record(recorded, gateway.clock.now())
    except OSError as error:
        # Whatever was done: nobody is told of success that the trail knows nothing of.
        log.critical("audit_trail_not_written", reason=str(error), request_id=call.request_id)
        refusal = ServiceUnavailableException(
            "The audit trail cannot be written, so calls are not acknowledged. "
            "Free space on the disk of the server's home folder."
        )
        if is_internal:
            raise refusal from error
        call.failure = refusal.code
        call.response = wire.serialize_error(
            call.route or guess_protocol(call.request, signing_name_of(call)),
            refusal,
            call.request_id,
        )
