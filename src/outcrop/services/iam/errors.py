"""The errors of IAM, in its own names and statuses."""

from outcrop.aws.errors import ServiceError


class NoSuchEntity(ServiceError):
    """Nothing has the name that the request gives."""

    code = "NoSuchEntity"
    status = 404


class EntityAlreadyExists(ServiceError):
    """The name is taken."""

    code = "EntityAlreadyExists"
    status = 409


class DeleteConflict(ServiceError):
    """Something is still attached to what is to be deleted."""

    code = "DeleteConflict"
    status = 409


class LimitExceeded(ServiceError):
    """A quota of IAM would be exceeded."""

    code = "LimitExceeded"
    status = 409


class MalformedPolicyDocument(ServiceError):
    """A policy is not written in the policy language."""

    code = "MalformedPolicyDocument"
    status = 400


class InvalidInput(ServiceError):
    """A value cannot be used for what it was given for."""

    code = "InvalidInput"
    status = 400


class UnmodifiableEntity(ServiceError):
    """A service-linked role, which only its service changes."""

    code = "UnmodifiableEntity"
    status = 400


class NotSupportedService(ServiceError):
    """The service does not take credentials of this kind."""

    code = "NotSupportedService"
    status = 404


class ValidationError(ServiceError):
    """The request does not fit together."""

    code = "ValidationError"
    status = 400


class AccessDenied(ServiceError):
    """What AWS owns may not be changed."""

    code = "AccessDenied"
    status = 403
