"""What an exception becomes for the client."""

import traceback

import structlog

from outcrop.aws.errors import (
    AccessDeniedException,
    InternalServerException,
    ServiceError,
    ValidationException,
)
from outcrop.core.errors import (
    ConfigurationError,
    DatasetError,
    HyperparameterError,
    JobStateError,
    ModelNotFound,
    OutcropError,
)
from outcrop.gateway.call import Call
from outcrop.governance.audit.masking import scrub
from outcrop.governance.audit.recorder import hidden_in
from outcrop.identity.denials import code_of

log = structlog.get_logger("outcrop.gateway")

_CALLERS_FAULT = (
    ConfigurationError,
    DatasetError,
    HyperparameterError,
    JobStateError,
    ModelNotFound,
)
# Each protocol family has its own name for "we failed".
_INTERNAL_CODES = {
    "rest-xml": "InternalError",
    "query": "InternalFailure",
    "ec2": "InternalFailure",
}


def as_service_error(exception: Exception, call: Call) -> ServiceError:
    """Return the error to answer; anything unforeseen is logged here and told to nobody.

    Args:
        exception: raised by a step or an operation.
        call: the call it ended.
    """
    if isinstance(exception, ServiceError):
        if exception.code == AccessDeniedException.code and call.route is not None:
            # What another service refused (a KMS key, say) comes under the name of the one that was called.
            exception.code = code_of(call.route.service)
        return exception
    if isinstance(exception, _CALLERS_FAULT):
        return ValidationException(str(exception))
    if isinstance(exception, OutcropError):
        return _internal(call, str(exception))
    log.error(
        "operation_failed",
        request_id=call.request_id,
        service=call.route.service if call.route else "",
        operation=call.route.operation if call.route else "",
        # As text, so that nothing of the request's secrets and content stands in it.
        exception=scrub(
            "".join(traceback.format_exception(exception)),
            hidden_in(call.route, call.parameters, call.request),
        ),
    )
    return _internal(call, f"An internal error occurred. Request id: {call.request_id}")


def _internal(call: Call, message: str) -> ServiceError:
    error = InternalServerException(message)
    if call.route is not None:
        error.code = _INTERNAL_CODES.get(call.route.protocol, error.code)
    return error
