"""Errors as Step Functions names and words them.

ServiceError
└── StepFunctionsError      one class for each code, named by it; all are answered with status 400
"""

from outcrop.aws.errors import ServiceError


class StepFunctionsError(ServiceError):
    """An error of Step Functions."""

    status = 400


class AccessDeniedException(StepFunctionsError):
    """A role cannot be assumed by the service, or may not do what the machine needs."""

    code = "AccessDeniedException"


class ActivityAlreadyExists(StepFunctionsError):
    """An activity has this name and another configuration."""

    code = "ActivityAlreadyExists"


class ActivityDoesNotExist(StepFunctionsError):
    """There is no such activity."""

    code = "ActivityDoesNotExist"


class ActivityLimitExceeded(StepFunctionsError):
    """The account has as many activities as it may."""

    code = "ActivityLimitExceeded"


class ConflictException(StepFunctionsError):
    """What was asked contradicts what is there."""

    code = "ConflictException"


class ExecutionDoesNotExist(StepFunctionsError):
    """There is no such execution."""

    code = "ExecutionDoesNotExist"


class InvalidArn(StepFunctionsError):
    """An ARN has another form or names another kind of resource."""

    code = "InvalidArn"


class InvalidDefinition(StepFunctionsError):
    """The definition is not valid Amazon States Language."""

    code = "InvalidDefinition"


class InvalidEncryptionConfiguration(StepFunctionsError):
    """The KMS key is missing, or not one that can be used."""

    code = "InvalidEncryptionConfiguration"


class InvalidExecutionInput(StepFunctionsError):
    """An execution's input is no JSON."""

    code = "InvalidExecutionInput"


class InvalidLoggingConfiguration(StepFunctionsError):
    """The log destination is missing, given twice or not there."""

    code = "InvalidLoggingConfiguration"


class InvalidName(StepFunctionsError):
    """A name has characters that names may not have."""

    code = "InvalidName"


class InvalidOutput(StepFunctionsError):
    """A task's output is no JSON."""

    code = "InvalidOutput"


class InvalidToken(StepFunctionsError):
    """A pagination or task token is not one that this service gave out."""

    code = "InvalidToken"


class InvalidTracingConfiguration(StepFunctionsError):
    """The tracing configuration does not say whether tracing is enabled."""

    code = "InvalidTracingConfiguration"


class KmsAccessDeniedException(StepFunctionsError):
    """The caller may not use the KMS key."""

    code = "KmsAccessDeniedException"


class KmsInvalidStateException(StepFunctionsError):
    """The KMS key's state does not allow its use."""

    code = "KmsInvalidStateException"


class MissingRequiredParameter(StepFunctionsError):
    """An update says nothing to change."""

    code = "MissingRequiredParameter"


class ResourceNotFound(StepFunctionsError):
    """There is no such resource."""

    code = "ResourceNotFound"


class ServiceQuotaExceededException(StepFunctionsError):
    """A machine has as many versions or aliases as it may."""

    code = "ServiceQuotaExceededException"


class StateMachineAlreadyExists(StepFunctionsError):
    """A machine has this name and another definition or configuration."""

    code = "StateMachineAlreadyExists"


class StateMachineDeleting(StepFunctionsError):
    """The machine is being deleted."""

    code = "StateMachineDeleting"


class StateMachineDoesNotExist(StepFunctionsError):
    """There is no such machine, version or alias."""

    code = "StateMachineDoesNotExist"


class StateMachineLimitExceeded(StepFunctionsError):
    """The account has as many state machines as it may."""

    code = "StateMachineLimitExceeded"


class StateMachineTypeNotSupported(StepFunctionsError):
    """The operation does not exist for machines of this type."""

    code = "StateMachineTypeNotSupported"

    def __init__(self) -> None:
        super().__init__("This operation is not supported by this type of state machine")


class TooManyTags(StepFunctionsError):
    """A resource would carry more than 50 tags."""

    code = "TooManyTags"


class ValidationException(StepFunctionsError):
    """The input does not satisfy the operation's constraints."""

    code = "ValidationException"
