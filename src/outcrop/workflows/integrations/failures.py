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
_CALLERS_FAULT = (
    ConfigurationError,
    DatasetError,
    HyperparameterError,
    JobStateError,
    ModelNotFound,
)
_log = structlog.get_logger("outcrop.integrations")


@dataclass(frozen=True, slots=True)
class Naming:
    """How errors of a service are named.

    Attributes:
        label: what error names begin with, such as "Lambda".
        service: what causes call the service, such as "AWSLambda".
        sdk: the SDK's version, which words the cause.
        rest: the name of errors that the service's model does not have; "" for what version 2 makes of the label.
    """

    label: str
    service: str
    sdk: Literal[1, 2] = 2
    rest: str = ""

    @property
    def unmodelled(self) -> str:
        """Name of an error that is not in the service's model."""
        return self.rest or f"{self.label}Exception"


def failure(
    error: Exception,
    naming: Naming,
    service: str,
    operation: str,
    at: Literal["start", "submit", "task"],
) -> TaskFailed:
    """Return what a state sees of an exception that ended a call.

    Args:
        error: what Invoke raised.
        naming: of the integration.
        service: botocore's name.
        operation: AWS's name.
        at: how far the task had got.
    """
    found = as_service_error(error, service, operation)
    model = service_models.load(service)
    status = (
        model.operation(operation).error_status(found)
        if operation in model.operation_names
        else found.status
    )
    shape = model.error_shape(found.code)
    number = request_id()
    if naming.sdk == 1:
        name = _first_version(shape.name) if shape is not None else naming.unmodelled
        cause = (
            f"{found.message} (Service: {naming.service}; Status Code: {status}; "
            f"Error Code: {found.code}; Request ID: {number}; Proxy: null)"
        )
    else:
        name = exception(shape.name) if shape is not None else naming.unmodelled
        extended = f", Extended Request ID: {request_id()}" if service == "s3" else ""
        cause = (
            f"{found.message} (Service: {naming.service}, Status Code: {status}, "
            f"Request ID: {number}{extended})"
        )
    return TaskFailed(f"{naming.label}.{name}", cause, at)


def _first_version(name: str) -> str:
    return name if name.endswith("Exception") else f"{name}Exception"


def as_service_error(error: Exception, service: str, operation: str) -> ServiceError:
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
