"""Errors as Service Quotas names and words them.

ServiceError
└── ServiceQuotasError      one class for each code, named by it
"""

from outcrop.aws.errors import ServiceError


class ServiceQuotasError(ServiceError):
    """An error of Service Quotas; all of them are answered with status 400."""

    status = 400
    text = ""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.text)


class NoSuchResourceException(ServiceQuotasError):
    """There is no such service, quota or request."""

    code = "NoSuchResourceException"


class IllegalArgumentException(ServiceQuotasError):
    """The value cannot be asked for."""

    code = "IllegalArgumentException"


class InvalidPaginationTokenException(ServiceQuotasError):
    """The token of the next page was not given out by this operation."""

    code = "InvalidPaginationTokenException"
    text = "The request failed because the pagination token is not valid."


class ResourceAlreadyExistsException(ServiceQuotasError):
    """A request for this quota is waiting already."""

    code = "ResourceAlreadyExistsException"
    text = "Only one open service quota increase request is allowed per quota."


class TooManyTagsException(ServiceQuotasError):
    """A quota would carry more than 50 tags."""

    code = "TooManyTagsException"
