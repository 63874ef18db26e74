"""CloudWatch Logs' own errors; all of them are 400 on its wire."""

from outcrop.aws.errors import ServiceError


class InvalidParameterException(ServiceError):
    """A parameter is not what the operation takes."""

    code = "InvalidParameterException"
    status = 400


class ResourceNotFoundException(ServiceError):
    """There is no such group, stream, filter or policy."""

    code = "ResourceNotFoundException"
    status = 400


class ResourceAlreadyExistsException(ServiceError):
    """There is one of this name."""

    code = "ResourceAlreadyExistsException"
    status = 400


class LimitExceededException(ServiceError):
    """The account or group has as many as it may."""

    code = "LimitExceededException"
    status = 400


class OperationAbortedException(ServiceError):
    """What the caller expected to find is not what is there."""

    code = "OperationAbortedException"
    status = 400


class TooManyTagsException(ServiceError):
    """A resource would carry more than 50 tags."""

    code = "TooManyTagsException"
    status = 400
