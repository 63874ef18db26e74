"""Why a mail or a template is not accepted; the services translate kinds into their codes."""

from enum import Enum

from outcrop.core.errors import OutcropError


class Kind(Enum):
    """What is wrong.

    Attributes:
        PARAMETER: an address, a tag or a part of the message is malformed.
        REJECTED: an identity is not verified, or the message cannot be sent as it is.
        NO_TEMPLATE: there is no such template.
        BAD_TEMPLATE: a template cannot be read.
        BAD_DATA: template data is no JSON object.
        MISSING_ATTRIBUTE: template data lacks what the template shows.
        NO_CONFIGURATION_SET: there is no such configuration set.
        PAUSED: sending is switched off in the configuration set.
    """

    PARAMETER = "parameter"
    REJECTED = "rejected"
    NO_TEMPLATE = "no template"
    BAD_TEMPLATE = "bad template"
    BAD_DATA = "bad data"
    MISSING_ATTRIBUTE = "missing attribute"
    NO_CONFIGURATION_SET = "no configuration set"
    PAUSED = "paused"


class MailRefused(OutcropError):
    """Something about a mail is not as it must be.

    Args:
        kind: what.
        message: in SES's words.
        name: of the template or configuration set in question.
    """

    def __init__(self, kind: Kind, message: str, name: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name
