"""Errors as AWS clients see them.

ServiceError
├── ValidationException, ResourceNotFoundException, ConflictException, …   (raised by operations)
└── errors of one service only live beside it (services/s3/errors.py, …)

The wire serializes any ServiceError in the protocol of the call; the HTTP status comes from the service
model where the operation declares the error, else from the class.
"""


class ServiceError(Exception):
    """An error with an AWS code that reaches the client.

    Args:
        message: what happened, with the offending value, and what to do.
        fields: further modelled members of the error, by wire name.
    """

    code = "InternalFailure"
    status = 500

    def __init__(self, message: str, **fields: object) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class ValidationException(ServiceError):
    """The input does not satisfy the operation's constraints."""

    code = "ValidationException"
    status = 400


class ResourceNotFoundException(ServiceError):
    """The named resource does not exist in this account and region."""

    code = "ResourceNotFoundException"
    status = 404


class ConflictException(ServiceError):
    """The resource's present state does not allow the operation."""

    code = "ConflictException"
    status = 400


class AccessDeniedException(ServiceError):
    """The caller may not do this."""

    code = "AccessDeniedException"
    status = 403


class ThrottlingException(ServiceError):
    """Too many requests at once; retry later."""

    code = "ThrottlingException"
    status = 429


class TooManyTagsException(ServiceError):
    """A resource would carry more than 50 tags."""

    code = "TooManyTagsException"
    status = 400


class ServiceQuotaExceededException(ServiceError):
    """A quota of the account would be exceeded."""

    code = "ServiceQuotaExceededException"
    status = 400


class InternalServerException(ServiceError):
    """The server failed; the request may be retried."""

    code = "InternalServerException"
    status = 500


class ServiceUnavailableException(ServiceError):
    """The server cannot serve this at the moment."""

    code = "ServiceUnavailableException"
    status = 503


class SerializationException(ServiceError):
    """The request's body, headers or path do not have the form that the protocol asks for."""

    code = "SerializationException"
    status = 400


class UnknownOperationException(ServiceError):
    """No operation of the served services has this path, target or action."""

    code = "UnknownOperationException"
    status = 404


class OperationNotBuilt(ServiceError):
    """The operation exists in AWS but not (yet) here: see docs/reference/operations.md."""

    code = "NotImplemented"
    status = 501
