"""Errors as Lambda names and words them.

ServiceError
└── LambdaError         one class for each code, named by it; each says whose fault it is in `Type`
"""

from outcrop.aws.errors import ServiceError


class LambdaError(ServiceError):
    """An error of Lambda."""

    fault = "User"

    def __init__(self, message: str, **fields: object) -> None:
        super().__init__(message, **{"Type": self.fault, **fields})


class ResourceNotFoundException(LambdaError):
    """There is no such function, version, alias, policy, statement or layer."""

    code = "ResourceNotFoundException"
    status = 404


class ResourceConflictException(LambdaError):
    """The name is taken, or the function is being made or changed."""

    code = "ResourceConflictException"
    status = 409


class InvalidParameterValueException(LambdaError):
    """A parameter is wrong, or does not go together with another."""

    code = "InvalidParameterValueException"
    status = 400


class InvalidRequestContentException(LambdaError):
    """The event is no JSON."""

    code = "InvalidRequestContentException"
    status = 400


class PreconditionFailedException(LambdaError):
    """The revision is not the latest."""

    code = "PreconditionFailedException"
    status = 412

    def __init__(self) -> None:
        super().__init__(
            "The Revision Id provided does not match the latest Revision Id. Call the "
            "GetFunction/GetAlias API to retrieve the latest Revision Id"
        )


class RequestEntityTooLarge(LambdaError):
    """The event is larger than an invocation may have."""

    code = "RequestEntityTooLargeException"
    status = 413


class TooManyRequestsException(LambdaError):
    """More calls at once than the function or the account may have."""

    code = "TooManyRequestsException"
    status = 429

    def __init__(self, reason: str) -> None:
        super().__init__("Rate Exceeded.", Reason=reason)


class PolicyLengthExceededException(LambdaError):
    """The policy would be longer than 20 KB."""

    code = "PolicyLengthExceededException"
    status = 400


class CodeSigningConfigNotFoundException(LambdaError):
    """There is no such code signing configuration."""

    code = "CodeSigningConfigNotFoundException"
    status = 404


class CodeStorageExceededException(LambdaError):
    """The account's functions would hold more code than they may."""

    code = "CodeStorageExceededException"
    status = 400


class ServiceException(LambdaError):
    """The server could not do it; the request may be repeated."""

    code = "ServiceException"
    status = 500
    fault = "Server"


class KMSAccessDeniedException(LambdaError):
    """The variables cannot be read: KMS does not let Lambda, or the grant was taken back."""

    code = "KMSAccessDeniedException"
    status = 502


class KMSDisabledException(LambdaError):
    """The variables cannot be read: their key is disabled."""

    code = "KMSDisabledException"
    status = 502


class KMSInvalidStateException(LambdaError):
    """The variables cannot be read: their key is to be deleted."""

    code = "KMSInvalidStateException"
    status = 502


class KMSNotFoundException(LambdaError):
    """The variables cannot be read: their key is gone."""

    code = "KMSNotFoundException"
    status = 502


class InvalidZipFileException(LambdaError):
    """The code cannot be unpacked any more."""

    code = "InvalidZipFileException"
    status = 502
