"""The SMTP server that mail is given to: its address with everything that OUTCROP_SMTP_URL says, and sessions with it.

`smtp://user:password@host:port` or `smtps://…`, and after a "?": `starttls=required|offered|no` (required where a
password goes to another machine, else as offered) and `ca=FILE` for a server with a certificate of its own authority.
"""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from outcrop.core.errors import ConfigurationError

if TYPE_CHECKING:
    import smtplib
    import ssl

_PORTS = {"smtp": 587, "smtps": 465}
_STARTTLS = {
    "required": "required", "true": "required", "yes": "required", "1": "required",
    "offered": "offered", "no": "no", "false": "no", "0": "no",
}  # fmt: skip
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LINE_BEGINNING_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)
_TIMEOUT_SECONDS = 120
_TAKEN, _GO_AHEAD = 250, 354
_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail goes.

    Attributes:
        starttls: "required", "offered" or "no".
        authorities: PEM file of who may have signed the server's certificate; "" for the system's.
    """

    host: str
    port: int
    is_implicit_tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: str = "offered"
    authorities: str = ""

    def scrub(self, text: str) -> str:
        """Return what a server or library said without the password."""
        return text.replace(self.password, "***") if self.password else text


class Refused(Exception):
    """The server does not take a mail.

    Args:
        text: what it said.
        is_final: whether trying again is of no use.
    """

    def __init__(self, text: str, *, is_final: bool) -> None:
        super().__init__(text)
        self.is_final = is_final


class Unreachable(Exception):
    """The server cannot be reached, breaks off, or does not let us in."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the recipients of a mail at the beginning of its transaction.

    Attributes:
        deferred: those whom the server wants to hear of later.
        refused: those whom it does not know, with what it said.
    """

    accepted: tuple[str, ...]
    deferred: dict[str, str]
    refused: dict[str, str]


def parse_relay(url: str) -> Relay | None:
    """Return the relay of a URL, or None for "".

    Raises:
        ConfigurationError: it is no such URL; the message has none of it, since it may hold a password.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
        options = dict(
            parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        )
    except ValueError:
        raise ConfigurationError("OUTCROP_SMTP_URL is not a URL") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ConfigurationError(
            "OUTCROP_SMTP_URL must be smtp://[user:password@]host[:port] or smtps://…"
        )
    unknown = sorted(options.keys() - {"starttls", "ca"})
    if unknown:
        raise ConfigurationError(f"OUTCROP_SMTP_URL has unknown options: {', '.join(unknown)}")
    is_private = parts.hostname in _LOOPBACK
    usual = "required" if parts.password and not is_private else "offered"
    starttls = _STARTTLS.get(options.get("starttls", usual).lower())
    if starttls is None:
        raise ConfigurationError("OUTCROP_SMTP_URL: starttls must be required, offered or no")
    return Relay(
        parts.hostname,
        port or _PORTS[parts.scheme],
        is_implicit_tls=parts.scheme == "smtps",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=starttls,
        authorities=options.get("ca", ""),
    )


class Session:
    """One connection to the relay, over which several mails may go.

    Attributes:
        is_broken: it carries no further mail.

    Raises:
        Unreachable: there is no connection to be had.
    """

    def __init__(self, relay: Relay) -> None:
        import smtplib

        self._relay = relay
        self.is_broken = False
        try:
            self._smtp = _open(relay)
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(relay.scrub(_said(error))) from None

    def begin(
        self, sender: str, recipients: Sequence[str], size_bytes: int, *, is_8bit: bool
    ) -> Taken:
        """Name sender and recipients of a mail.

        Raises:
            Refused: it is not taken from this sender, or not for any of the recipients.
            Unreachable: the connection broke.
        """
        import smtplib

        options = [f"size={size_bytes}"] if self._smtp.has_extn("size") else []
        if is_8bit and self._smtp.has_extn("8bitmime"):
            options.append("body=8bitmime")
        try:
            code, text = self._smtp.mail(sender, options)
            if code != _TAKEN:
                raise Refused(_line(code, text), is_final=code >= _PERMANENT)
            accepted: list[str] = []
            deferred: dict[str, str] = {}
            refused: dict[str, str] = {}
            for recipient in recipients:
                code, text = self._smtp.rcpt(recipient)
                if code in {250, 251}:
                    accepted.append(recipient)
                else:
                    (refused if code >= _PERMANENT else deferred)[recipient] = _line(code, text)
            return Taken(tuple(accepted), deferred, refused)
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(self._relay.scrub(_said(error))) from None

    def send_body(self, message: bytes) -> None:
        """Send a message but for the dot that ends it: until then the server must not deliver anything.

        Raises:
            Refused: the server does not want it.
            Unreachable: the connection broke.
        """
        import smtplib

        try:
            code, text = self._smtp.docmd("DATA")
            if code != _GO_AHEAD:
                raise Refused(_line(code, text), is_final=code >= _PERMANENT)
            body = _LINE_BEGINNING_WITH_DOT.sub(b"..", message)
            self._smtp.send(body if body.endswith(b"\r\n") else body + b"\r\n")
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(self._relay.scrub(_said(error))) from None

    def end(self) -> str:
        """Send the dot and return what the server says when it has taken the mail.

        Raises:
            Refused: it has not.
            Unreachable: the connection broke, and nobody knows.
        """
        import smtplib

        try:
            self._smtp.send(b".\r\n")
            code, text = self._smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(self._relay.scrub(_said(error))) from None
        if code != _TAKEN:
            raise Refused(_line(code, text), is_final=code >= _PERMANENT)
        return _line(code, text)

    def forget(self) -> None:
        """Break off the mail that was begun; a connection that does not survive it is marked as broken."""
        import smtplib

        try:
            self._smtp.rset()
        except (OSError, smtplib.SMTPException):
            self.is_broken = True

    def close(self) -> None:
        """Say goodbye; a server that is gone is no error."""
        import smtplib

        try:
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self._smtp.close()


def _open(relay: Relay) -> "smtplib.SMTP":
    import smtplib

    name = _own_name()
    smtp: smtplib.SMTP
    if relay.is_implicit_tls:
        smtp = smtplib.SMTP_SSL(
            relay.host, relay.port, name, timeout=_TIMEOUT_SECONDS, context=_tls(relay)
        )
    else:
        smtp = smtplib.SMTP(relay.host, relay.port, name, timeout=_TIMEOUT_SECONDS)
    try:
        smtp.ehlo_or_helo_if_needed()
        if not relay.is_implicit_tls and relay.starttls != "no":
            if smtp.has_extn("starttls"):
                smtp.starttls(context=_tls(relay))
                smtp.ehlo()
            elif relay.starttls == "required":
                raise smtplib.SMTPNotSupportedError("the server does not offer STARTTLS")
        if relay.user:
            smtp.login(relay.user, relay.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _tls(relay: Relay) -> "ssl.SSLContext":
    import ssl

    return ssl.create_default_context(cafile=relay.authorities or None)


def _own_name() -> str:
    """Return what we call ourselves in EHLO, without asking a name server."""
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9.-]+", name) else "localhost"


def _line(code: int, text: bytes) -> str:
    return f"{code} {text.decode('utf-8', 'replace')}".replace("\n", " ")[:500]


def _said(error: Exception) -> str:
    import smtplib

    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return _line(error.smtp_code, text if isinstance(text, bytes) else text.encode())
    return str(error)[:500] or type(error).__name__
