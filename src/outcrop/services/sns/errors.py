"""Errors of SNS."""

from outcrop.aws.errors import ServiceError


class InvalidParameter(ServiceError):
    """A parameter is not valid.

    Args:
        what: the parameter or sentence that follows "Invalid parameter: ".
        reason: more, after "Reason: ".
    """

    code = "InvalidParameter"
    status = 400

    def __init__(self, what: str, reason: str = "") -> None:
        super().__init__(f"Invalid parameter: {what}" + (f" Reason: {reason}" if reason else ""))


class InvalidToken(ServiceError):
    """A token does not have the form of one."""

    code = "InvalidParameter"
    status = 400


class ParameterValueInvalid(ServiceError):
    """A message attribute is not valid."""

    code = "ParameterValueInvalid"
    status = 400


class NotFound(ServiceError):
    """The topic or subscription does not exist."""

    code = "NotFound"
    status = 404


class ResourceNotFound(ServiceError):
    """What is to be tagged does not exist."""

    code = "ResourceNotFound"
    status = 404


class AuthorizationError(ServiceError):
    """The caller may not do this."""

    code = "AuthorizationError"
    status = 403


class TagLimitExceeded(ServiceError):
    """A topic would carry more than 50 tags."""

    code = "TagLimitExceeded"
    status = 400


class EmptyBatchRequest(ServiceError):
    """A batch has no entries."""

    code = "EmptyBatchRequest"
    status = 400


class TooManyEntriesInBatchRequest(ServiceError):
    """A batch has more than ten entries."""

    code = "TooManyEntriesInBatchRequest"
    status = 400


class BatchEntryIdsNotDistinct(ServiceError):
    """Two entries of a batch have the same id."""

    code = "BatchEntryIdsNotDistinct"
    status = 400


class InvalidBatchEntryId(ServiceError):
    """An entry's id has other characters than it may."""

    code = "InvalidBatchEntryId"
    status = 400


class BatchRequestTooLong(ServiceError):
    """The messages of a batch are too long together."""

    code = "BatchRequestTooLong"
    status = 400
