"""CloudWatch's own errors."""

from outcrop.aws.errors import ServiceError


class InvalidParameterValueException(ServiceError):
    """A parameter has a value that it cannot have."""

    code = "InvalidParameterValueException"
    status = 400


class InvalidParameterCombinationException(ServiceError):
    """Parameters that exclude each other were given together."""

    code = "InvalidParameterCombinationException"
    status = 400


class MissingRequiredParameterException(ServiceError):
    """A parameter that this request needs is not there."""

    code = "MissingRequiredParameterException"
    status = 400


class InvalidNextToken(ServiceError):
    """The token is not one that an earlier page of the same listing returned."""

    code = "InvalidNextToken"
    status = 400
