"""What an exception becomes for the client."""

import structlog

from outcrop.aws.errors import InternalServerException, ServiceError, ValidationException
from outcrop.core.errors import (
    ConfigurationError,
    DatasetError,
    HyperparameterError,
    JobStateError,
    ModelNotFound,
    OutcropError,
)
from outcrop.gateway.call import Call

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
        exc_info=exception,
    )
    return _internal(call, f"An internal error occurred. Request id: {call.request_id}")


def _internal(call: Call, message: str) -> ServiceError:
    error = InternalServerException(message)
    if call.route is not None:
        error.code = _INTERNAL_CODES.get(call.route.protocol, error.code)
    return error
