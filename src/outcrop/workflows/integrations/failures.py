"""Errors of operations as Step Functions names them.

Calls of aws-sdk resources and of Bedrock come from version 2 of the SDK for Java, the other optimized integrations
from version 1: the two name errors and word causes differently.
"""

from dataclasses import dataclass
from typing import Literal

import structlog

from outcrop.aws import service_models
from outcrop.aws.errors import InternalServerException, ServiceError, ValidationException
from outcrop.core.errors import (
    ConfigurationError,
    DatasetError,
    HyperparameterError,
    JobStateError,
    ModelNotFound,
    OutcropError,
)
from outcrop.core.ids import request_id
from outcrop.workflows.integrations.names import exception, pascal
from outcrop.workflows.tasks import TaskFailed

TASK_FAILED = "States.TaskFailed"
# How far a task had got when it failed; see TaskFailed.
At = Literal["start", "submit", "task"]
_CALLERS_FAULT = (
    ConfigurationError,
    DatasetError,
    HyperparameterError,
    JobStateError,
    ModelNotFound,
)
# Modelled of late; Step Functions' own SDK still takes it for an error without a class.
_NOT_YET_MODELLED = frozenset({("s3", "AccessDenied")})
_log = structlog.get_logger("outcrop.integrations")


@dataclass(frozen=True, slots=True)
class Target:
    """A service as an integration calls it, and how its errors are named.

    Attributes:
        service: botocore's name.
        label: what error names begin with, such as "Lambda".
        spoken: what causes call the service, such as "AWSLambda"; the label where it is "".
        sdk: the SDK's version, which words the cause.
        rest: the name of errors that the service's model does not have; made of the label where it is "".
    """

    service: str
    label: str
    spoken: str = ""
    sdk: Literal[1, 2] = 2
    rest: str = ""


def failure(error: Exception, target: Target, operation: str, at: At) -> TaskFailed:
    """Return what a state sees of an exception that ended a call.

    Args:
        error: what Invoke raised.
        target: what was called.
        operation: AWS's name.
        at: how far the task had got.
    """
    found = _as_service_error(error, target.service, operation)
    model = service_models.load(target.service)
    status = model.operation(operation).error_status(found)
    is_modelled = (target.service, found.code) not in _NOT_YET_MODELLED
    shape = model.error_shape(found.code) if is_modelled else None
    unmodelled = target.rest or f"{target.label}Exception"
    service, number = target.spoken or target.label, request_id()
    if target.sdk == 1:
        name = unmodelled if shape is None else _first_version(shape.name)
        cause = (
            f"{found.message} (Service: {service}; Status Code: {status}; "
            f"Error Code: {found.code}; Request ID: {number}; Proxy: null)"
        )
    else:
        name = unmodelled if shape is None else exception(shape.name)
        extended = f", Extended Request ID: {request_id()}" if target.service == "s3" else ""
        cause = (
            f"{found.message} (Service: {service}, Status Code: {status}, "
            f"Request ID: {number}{extended})"
        )
    return TaskFailed(f"{target.label}.{name}", cause, at)


def _first_version(name: str) -> str:
    return name if name.endswith("Exception") else f"{name}Exception"


def _as_service_error(error: Exception, service: str, operation: str) -> ServiceError:
    """Return the error that a client would have been answered; what is unforeseen is logged and told to nobody."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, _CALLERS_FAULT):
        return ValidationException(str(error))
    if isinstance(error, OutcropError):
        return InternalServerException(str(error))
    _log.error("task_call_failed", service=service, operation=operation, exc_info=error)
    return InternalServerException("An internal error occurred.")


def not_built(resource: str, service: str) -> TaskFailed:
    """Return the failure of an integration that AWS has and Outcrop has not."""
    return TaskFailed(
        f"{pascal(service)}.NotImplemented",
        f"The integration {resource} is not built here; docs/reference/operations.md lists the services that are.",
    )
