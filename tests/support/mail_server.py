"""A real SMTP server on loopback, in a thread of its own, that keeps what it is given."""

import asyncio
import re
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Received:
    """One mail as the server took it."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = BytesParser(policy=default).parsebytes(self.content)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        """Its plain text."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """Its HTML."""
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")

    @property
    def links(self) -> list[str]:
        """The links in its plain text."""
        return re.findall(r"https?://\S+", self.text)


@dataclass
class MailServer:
    """Takes mail on a free port of loopback.

    Attributes:
        answers: asked for each mail before it is taken; another answer than "250 …" refuses it.
        refuses: recipient → what is answered to RCPT.
        users: name → password; nobody has to log in where there are none.
        tls: offered as STARTTLS.
    """

    answers: Callable[[Received], str] = lambda _mail: "250 OK"
    refuses: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    port: int = 0

    def start(self) -> "MailServer":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE_SECONDS)
        return self

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def wait_for(self, count: int) -> list[Received]:
        """Return the mails when there are so many."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.received) < count:
            assert time.monotonic() < deadline, f"{len(self.received)} of {count} mails came"
            time.sleep(0.01)
        return list(self.received)

    def mail_to(self, recipient: str, subject: str = "") -> Received:
        """Return the first mail to somebody, once it is there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            for mail in list(self.received):
                if recipient in mail.recipients and subject in str(mail.message["Subject"]):
                    return mail
            assert time.monotonic() < deadline, f"no mail to {recipient} about {subject!r} came"
            time.sleep(0.01)

    async def _listen(self) -> None:
        def make() -> SMTP:
            return SMTP(
                self,
                hostname="mail.test",
                tls_context=self.tls,
                require_starttls=self.tls is not None,
                auth_required=bool(self.users),
                authenticator=self._authenticate if self.users else None,
                loop=self._loop,
            )

        self._server = await self._loop.create_server(make, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(0)

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _kind: str, given: Any
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        name, password = given.login.decode(), given.password.decode()
        return AuthResult(success=self.users.get(name) == password, handled=False)

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        refusal = self.refuses.get(address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        mail = Received(envelope.mail_from or "", tuple(envelope.rcpt_tos), content)
        answer = self.answers(mail)  # at once: a client that dies meanwhile must not cancel it
        if answer.startswith("250"):
            self.received.append(mail)
            self.sessions.append(session)
        return answer
