"""Errors of bedrock-runtime alone."""

from outcrop.aws.errors import ServiceError


class ModelNotReadyException(ServiceError):
    """The model is being loaded or set up; SDKs retry."""

    code = "ModelNotReadyException"
    status = 429


class ModelErrorException(ServiceError):
    """The model's engine failed on the request."""

    code = "ModelErrorException"
    status = 424


class ModelStreamErrorException(ServiceError):
    """The model's engine failed after the first piece of the answer was sent."""

    code = "ModelStreamErrorException"
    status = 424
