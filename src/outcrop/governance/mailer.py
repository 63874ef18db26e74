"""Mail that leaves the house: accepted into a durable outbox, delivered over SMTP by a thread of its own.

Accepted means recorded: a mail survives the death of the server, and is delivered after the next start. Without an
SMTP server it stays in the outbox, which `outcrop outbox` shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to be sent.

    Attributes:
        message: RFC 5322 bytes with CRLF line ends, complete but for the Message-ID, which the mailer sets.
        sender: the bare address of the envelope.
        recipients: bare addresses of the envelope, Bcc among them.
        region: the region of the service that accepted it.
        service: "ses" or "sns".
    """

    message: bytes
    sender: str
    recipients: Sequence[str]
    region: str
    service: str = "ses"


class Mailer:
    """Takes mail in and brings it to its server."""

    def send(
        self, message: bytes, sender: str, recipients: Sequence[str], *, region: str = "us-east-1"
    ) -> str:
        """Accept a mail durably, in a transaction of its own, and return its message id."""
        raise NotImplementedError

    def accept(self, connection: Connection, mail: Mail) -> str:
        """Accept a mail as part of a caller's transaction and return its message id; call `wake` after the commit."""
        raise NotImplementedError

    def wake(self) -> None:
        """Deliver what waits; returns at once."""
        raise NotImplementedError
