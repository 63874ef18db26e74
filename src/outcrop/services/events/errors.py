"""EventBridge's own errors, and what its answers call known ones."""

from outcrop.aws.errors import ServiceError


class ResourceNotFoundException(ServiceError):
    """There is no such bus, rule or statement."""

    code = "ResourceNotFoundException"
    status = 400


class ResourceAlreadyExistsException(ServiceError):
    """The name is taken."""

    code = "ResourceAlreadyExistsException"
    status = 400


class InvalidEventPatternException(ServiceError):
    """What is given is no event pattern.

    Args:
        reason: in AWS's words.
    """

    code = "InvalidEventPatternException"
    status = 400

    def __init__(self, reason: str) -> None:
        super().__init__(f"Event pattern is not valid. Reason: {reason}")


class LimitExceededException(ServiceError):
    """There would be more rules, targets or buses than may be."""

    code = "LimitExceededException"
    status = 400

    def __init__(
        self, message: str = "The requested resource exceeds the maximum number allowed."
    ) -> None:
        super().__init__(message)


def no_bus(name: str) -> ResourceNotFoundException:
    """Return the error for a bus that does not exist."""
    return ResourceNotFoundException(f"Event bus {name} does not exist.")


def no_rule(name: str, bus: str) -> ResourceNotFoundException:
    """Return the error for a rule that does not exist."""
    return ResourceNotFoundException(f"Rule {name} does not exist on EventBus {bus}.")
