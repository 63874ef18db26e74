"""The errors of STS, in its own names and statuses."""

from outcrop.aws.errors import ServiceError


class ValidationError(ServiceError):
    """The request does not fit together."""

    code = "ValidationError"
    status = 400


class AccessDenied(ServiceError):
    """The caller may not open this session."""

    code = "AccessDenied"
    status = 403


class MalformedPolicyDocument(ServiceError):
    """A session policy is not written in the policy language."""

    code = "MalformedPolicyDocument"
    status = 400


class PackedPolicyTooLarge(ServiceError):
    """The session's policies and tags do not fit into a token."""

    code = "PackedPolicyTooLarge"
    status = 400


class InvalidAuthorizationMessage(ServiceError):
    """An encoded message that was not made here, or was changed."""

    code = "InvalidAuthorizationMessageException"
    status = 400
