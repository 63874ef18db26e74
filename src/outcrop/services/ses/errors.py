"""Errors of SES v1, and what refusals of the mail room are called there."""

from collections.abc import Iterator
from contextlib import contextmanager

from outcrop.aws.errors import ServiceError
from outcrop.governance.mail.refusals import Kind, MailRefused


class InvalidParameterValue(ServiceError):
    """A parameter, most often an address, is malformed."""

    code = "InvalidParameterValue"
    status = 400


class MessageRejected(ServiceError):
    """The mail cannot be sent: an identity is not verified, or its content is not allowed."""

    code = "MessageRejected"
    status = 400


class AlreadyExists(ServiceError):
    """A template of this name exists."""

    code = "AlreadyExists"
    status = 400


class TemplateDoesNotExist(ServiceError):
    """No template has this name."""

    code = "TemplateDoesNotExist"
    status = 400


class InvalidTemplate(ServiceError):
    """A template cannot be read."""

    code = "InvalidTemplate"
    status = 400


class InvalidRenderingParameter(ServiceError):
    """Template data is no JSON object."""

    code = "InvalidRenderingParameter"
    status = 400


class MissingRenderingAttribute(ServiceError):
    """Template data lacks what the template shows."""

    code = "MissingRenderingAttribute"
    status = 400


class ConfigurationSetDoesNotExist(ServiceError):
    """No configuration set has this name."""

    code = "ConfigurationSetDoesNotExist"
    status = 400


class ConfigurationSetAlreadyExists(ServiceError):
    """A configuration set of this name exists."""

    code = "ConfigurationSetAlreadyExists"
    status = 400


class ConfigurationSetSendingPaused(ServiceError):
    """Sending is switched off in the configuration set."""

    code = "ConfigurationSetSendingPausedException"
    status = 400


class InvalidPolicy(ServiceError):
    """A policy is not valid."""

    code = "InvalidPolicy"
    status = 400


_TEMPLATE_ERRORS: dict[Kind, type[ServiceError]] = {
    Kind.NO_TEMPLATE: TemplateDoesNotExist,
    Kind.BAD_TEMPLATE: InvalidTemplate,
    Kind.BAD_DATA: InvalidRenderingParameter,
    Kind.MISSING_ATTRIBUTE: MissingRenderingAttribute,
}
_SET_ERRORS: dict[Kind, type[ServiceError]] = {
    Kind.NO_CONFIGURATION_SET: ConfigurationSetDoesNotExist,
    Kind.PAUSED: ConfigurationSetSendingPaused,
}


def as_service_error(refusal: MailRefused, template: str = "") -> ServiceError:
    """Return a refusal of the mail room as SES v1 words it.

    Args:
        refusal: why.
        template: the template in question, where the refusal does not name one.
    """
    message = str(refusal)
    if refusal.kind in _TEMPLATE_ERRORS:
        return _TEMPLATE_ERRORS[refusal.kind](message, TemplateName=refusal.name or template)
    if refusal.kind in _SET_ERRORS:
        return _SET_ERRORS[refusal.kind](message, ConfigurationSetName=refusal.name)
    return (MessageRejected if refusal.kind is Kind.REJECTED else InvalidParameterValue)(message)


@contextmanager
def worded(template: str = "") -> Iterator[None]:
    """Let refusals of the mail room leave a block as errors of SES v1."""
    try:
        yield
    except MailRefused as refusal:
        raise as_service_error(refusal, template) from None
