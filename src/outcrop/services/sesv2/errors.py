"""Errors of SES v2, and what refusals of the mail room are called there."""

from collections.abc import Iterator
from contextlib import contextmanager

from outcrop.aws.errors import ServiceError
from outcrop.governance.mail.refusals import Kind, MailRefused


class BadRequestException(ServiceError):
    """The input is not valid."""

    code = "BadRequestException"
    status = 400


class NotFoundException(ServiceError):
    """The resource does not exist."""

    code = "NotFoundException"
    status = 404


class AlreadyExistsException(ServiceError):
    """A resource of this name exists."""

    code = "AlreadyExistsException"
    status = 400


class MessageRejected(ServiceError):
    """The mail cannot be sent: an identity is not verified, or its content is not allowed."""

    code = "MessageRejected"
    status = 400


class SendingPausedException(ServiceError):
    """Sending is switched off in the configuration set."""

    code = "SendingPausedException"
    status = 400


class InvalidNextTokenException(ServiceError):
    """The token is none that this operation returned."""

    code = "InvalidNextTokenException"
    status = 400


_ERRORS: dict[Kind, type[ServiceError]] = {
    Kind.REJECTED: MessageRejected,
    Kind.NO_TEMPLATE: NotFoundException,
    Kind.NO_CONFIGURATION_SET: NotFoundException,
    Kind.PAUSED: SendingPausedException,
}


@contextmanager
def worded() -> Iterator[None]:
    """Let refusals of the mail room leave a block as errors of SES v2."""
    try:
        yield
    except MailRefused as refusal:
        raise _ERRORS.get(refusal.kind, BadRequestException)(str(refusal)) from None
