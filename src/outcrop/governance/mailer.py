"""Mail that leaves the house: accepted into a durable outbox, delivered over SMTP by a thread of its own.

Accepted means recorded: a mail survives the death of the server, and is delivered after the next start. Without an
SMTP server it stays in the outbox, which `outcrop outbox` shows.

One mail for each that was accepted: SMTP has no transaction that spans two machines, so there is a moment in which
nobody can know. It begins when the dot that ends a message goes out and ends when the server's answer is recorded;
that it begins is recorded before. A server that dies within finds such a mail at its next start, calls it uncertain
and does not send it again: the dot was on its way, so the other side all but surely has it. A connection that breaks
within, while this server lives, is the other side's failure: then the mail is tried again under the same Message-ID.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from outcrop.aws.trace_header import Lineage
from outcrop.core.clock import Clock
from outcrop.core.times import DAY_US, now_us
from outcrop.governance.mail.message_ids import new_message_id, with_message_id
from outcrop.governance.mail.messages import subject_of
from outcrop.governance.mail.relay import Refused, Relay, Session, Taken, Unreachable, parse_relay
from outcrop.storage import outbox
from outcrop.storage.database.engine import Database
from outcrop.storage.outbox import MailRow, MailState
from outcrop.storage.service_keys import ServiceKeys

log = structlog.get_logger("outcrop.mail")

_SERVICE_KEY = "ses"
_SECOND_US = 1_000_000
_FIRST_RETRY_SECONDS = 5.0
_LONGEST_RETRY_SECONDS = 900.0
# SES: mail that is put off is tried for 14 hours.
_GIVEN_UP_AFTER_US = 14 * 3600 * _SECOND_US
_KEPT_FOR_US = 30 * DAY_US
_AT_ONCE = 20
_LONGEST_WAIT_SECONDS = 60.0
_STOP_SECONDS = 5.0
_MOST_PASSED = 4096


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to be sent.

    Attributes:
        message: RFC 5322 bytes with CRLF line ends, complete but for the Message-ID, which the mailer sets.
        sender: the bare address of the envelope.
        recipients: bare addresses of the envelope, Bcc among them.
        region: the region of the service that accepted it.
        service: "ses" or "sns".
        lineage: the work that sends it, where that may be done twice.
    """

    message: bytes
    sender: str
    recipients: Sequence[str]
    region: str
    service: str = "ses"
    lineage: Lineage | None = None


class Mailer:
    """Takes mail in and brings it to its server.

    Args:
        database: has the outbox.
        service_keys: seal what messages say.
        clock: tells the time.
        smtp_url: of the server, or "" for none.
        sender: whom mail of our own comes from; "" for the relay's user where that is an address, else AWS's.
        first_retry_seconds: how long a mail that was put off waits at first; twice as long each time after.

    Raises:
        ConfigurationError: the URL is none.
    """

    def __init__(  # noqa: PLR0913  # the composition root names each of them
        self,
        database: Database,
        service_keys: ServiceKeys,
        clock: Clock,
        *,
        smtp_url: str = "",
        sender: str = "",
        first_retry_seconds: float = _FIRST_RETRY_SECONDS,
    ) -> None:
        self._database = database
        self._service_keys = service_keys
        self._clock = clock
        self._relay = parse_relay(smtp_url)
        self._own_sender = sender or _address_of(self._relay)
        self._first_retry_seconds = first_retry_seconds
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._is_closing = False
        self._thread: threading.Thread | None = None
        self._passed: dict[tuple[Lineage, str, str, str], int] = {}
        # Made now, since mail is sealed inside of transactions, where no key can be made any more.
        service_keys.seal(_SERVICE_KEY, b"", b"")

    @property
    def delivers(self) -> bool:
        """Whether there is a server to deliver to."""
        return self._relay is not None

    def own_sender(self, usual: str) -> str:
        """Return the address that mail of our own comes from: the configured one, else the one AWS uses."""
        return self._own_sender or usual

    def send(
        self, message: bytes, sender: str, recipients: Sequence[str], *, region: str = "us-east-1"
    ) -> str:
        """Accept a mail durably, in a transaction of its own, and return its message id."""
        with self._database.write(durable=True) as connection:
            mail_id = self.accept(connection, Mail(message, sender, recipients, region))
        self.wake()
        return mail_id

    def accept(self, connection: Connection, mail: Mail) -> str:
        """Accept a mail as part of a caller's durable transaction and return its message id; `wake` after the commit.

        What an earlier run of the same work has sent already is not sent again: its message id is returned.
        """
        if mail.lineage is not None:
            sent = self._sent_before(connection, mail, mail.lineage)
            if sent is not None:
                return sent
        state = MailState.KEPT if self._relay is None else MailState.QUEUED
        return self._record(connection, mail, state, "")

    def _sent_before(self, connection: Connection, mail: Mail, lineage: Lineage) -> str | None:
        recipients, subject = _recipients_json(mail), subject_of(mail.message)
        earlier = [
            row.id
            for row in outbox.of_lineage(connection, lineage.root)
            if row.lineage_run != lineage.run
            and (row.sender, row.recipients_json, row.subject) == (mail.sender, recipients, subject)
        ]
        # The first such mail of this run stands for the first that was sent, the second for the second.
        key = (lineage, mail.sender, recipients, subject)
        passed = self._passed.get(key, 0)
        if passed >= len(earlier):
            return None
        if len(self._passed) >= _MOST_PASSED:
            self._passed.clear()
        self._passed[key] = passed + 1
        return earlier[passed]

    def record_failure(self, connection: Connection, mail: Mail, reason: str) -> str:
        """Record a mail that was accepted and cannot be delivered, and return its message id."""
        return self._record(connection, mail, MailState.FAILED, reason)

    def _record(self, connection: Connection, mail: Mail, state: MailState, detail: str) -> str:
        now = now_us(self._clock)
        mail_id = new_message_id(mail.region, now)
        message = with_message_id(mail.message, mail_id, mail.region)
        recipients = _recipients_json(mail)
        outbox.insert(
            connection,
            MailRow(
                id=mail_id,
                region=mail.region,
                service=mail.service,
                created_us=now,
                state=state.value,
                sender=mail.sender,
                recipients_json=recipients,
                pending_json=recipients,
                subject=subject_of(message),
                size_bytes=len(message),
                attempts=0,
                next_us=now,
                ended_us=now if state is MailState.FAILED else None,
                detail=detail,
                lineage_root=None if mail.lineage is None else mail.lineage.root,
                lineage_run=None if mail.lineage is None else mail.lineage.run,
            ),
            self._service_keys.seal(_SERVICE_KEY, message, seal_context(mail_id)),
        )
        return mail_id

    def start(self) -> None:
        """Take up what an earlier server left behind."""
        now = now_us(self._clock)
        with self._database.write(durable=True) as connection:
            uncertain = outbox.move(
                connection,
                [MailState.HANDED_OVER],
                MailState.UNCERTAIN,
                {
                    "ended_us": now,
                    "detail": "the server stopped before the mail server's answer was recorded",
                },
            )
            outbox.prune(connection, [MailState.SENT, MailState.FAILED], now - _KEPT_FOR_US)
        if uncertain:
            log.warning("mail_uncertain", count=uncertain, hint="see `outcrop outbox`")
        if outbox.next_attempt_us(self._database.reader) is not None:
            self.wake()

    def wake(self) -> None:
        """Deliver what waits; returns at once."""
        if self._relay is None:
            return
        with self._lock:
            self._woken.set()
            if self._thread is None and not self._is_closing:
                self._thread = threading.Thread(target=self._run, name="mail", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop delivering; what is left is delivered after the next start."""
        with self._lock:
            self._is_closing = True
            self._woken.set()
            thread = self._thread
        if thread is not None:
            thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        assert self._relay is not None
        failures = 0
        while not self._is_closing:
            self._woken.clear()
            try:
                self._deliver_due(self._relay)
                failures = 0
            except Unreachable as error:
                failures += 1
                log.warning("mail_server_unreachable", host=self._relay.host, reason=str(error))
                self._pause(self._delay_seconds(failures))
                continue
            except Exception:  # the thread outlives a full disk or a database that is away
                failures += 1
                log.exception("mail_delivery_failed")
                self._pause(self._delay_seconds(failures))
                continue
            self._wait()

    def _wait(self) -> None:
        following = outbox.next_attempt_us(self._database.reader)
        if following is None:
            self._woken.wait()
            return
        left = (following - now_us(self._clock)) / _SECOND_US
        if left > 0:
            self._woken.wait(min(left, _LONGEST_WAIT_SECONDS))

    def _pause(self, seconds: float) -> None:
        """Wait although mail is due; only the end of the server cuts it short."""
        deadline = now_us(self._clock) + int(seconds * _SECOND_US)
        while not self._is_closing and (left := deadline - now_us(self._clock)) > 0:
            self._woken.clear()
            self._woken.wait(min(left / _SECOND_US, _LONGEST_WAIT_SECONDS))

    def _deliver_due(self, relay: Relay) -> None:
        session: Session | None = None
        try:
            while not self._is_closing:
                rows = outbox.due(self._database.reader, now_us(self._clock), _AT_ONCE)
                if not rows:
                    return
                for row in rows:
                    if self._is_closing:
                        return
                    try:
                        if session is None or session.is_broken:
                            session = Session(relay)
                        self._deliver(row, session)
                    except Unreachable as error:
                        self._put_off(row, str(error))
                        raise
        finally:
            if session is not None:
                session.close()

    def _deliver(self, row: MailRow, session: Session) -> None:
        message = open_message(self._database, self._service_keys, row.id)
        try:
            taken = session.begin(
                row.sender, row.pending, len(message), is_8bit=not message.isascii()
            )
            if not taken.accepted:
                self._no_recipient(row, taken)
                session.forget()
                return
            session.send_body(message)
            self._change(row, state=MailState.HANDED_OVER.value)
            said = session.end()
        except Refused as refusal:
            if refusal.is_final:
                self._end(row, MailState.FAILED, str(refusal))
            else:
                self._put_off(row, str(refusal))
            session.forget()
            return
        self._taken(row, taken, said)

    def _no_recipient(self, row: MailRow, taken: Taken) -> None:
        detail = _told(taken)
        if taken.deferred:
            self._put_off(row, detail, pending=list(taken.deferred))
        else:
            self._end(row, MailState.FAILED, detail)

    def _taken(self, row: MailRow, taken: Taken, said: str) -> None:
        log.info("mail_sent", id=row.id, recipients=len(taken.accepted))
        if taken.deferred:
            self._put_off(row, _told(taken), pending=list(taken.deferred))
        else:
            self._end(row, MailState.SENT, " ".join(filter(None, (said, _told(taken)))))

    def _put_off(self, row: MailRow, detail: str, pending: Sequence[str] | None = None) -> None:
        now, attempts = now_us(self._clock), row.attempts + 1
        if now - row.created_us > _GIVEN_UP_AFTER_US:
            self._end(row, MailState.FAILED, detail)
            return
        self._change(
            row,
            state=MailState.QUEUED.value,
            attempts=attempts,
            next_us=now + int(self._delay_seconds(attempts) * _SECOND_US),
            detail=detail,
            pending_json=row.pending_json if pending is None else json.dumps(pending),
        )

    def _end(self, row: MailRow, state: MailState, detail: str) -> None:
        if state is MailState.FAILED:
            log.warning("mail_failed", id=row.id, reason=detail)
        self._change(
            row,
            state=state.value,
            attempts=row.attempts + 1,
            ended_us=now_us(self._clock),
            detail=detail,
            pending_json="[]",
        )

    def _change(self, row: MailRow, **values: object) -> None:
        with self._database.write(durable=True) as connection:
            outbox.change(connection, row.id, **values)

    def _delay_seconds(self, attempts: int) -> float:
        return min(self._first_retry_seconds * 2.0 ** min(attempts - 1, 16), _LONGEST_RETRY_SECONDS)


def open_message(database: Database, service_keys: ServiceKeys, mail_id: str) -> bytes:
    """Return what a mail of the outbox says."""
    with database.read() as connection:
        sealed = outbox.message(connection, mail_id)
    return service_keys.open(_SERVICE_KEY, sealed, seal_context(mail_id))


def seal_context(mail_id: str) -> bytes:
    """Return what the content of a mail is bound to."""
    return f"outbox/{mail_id}".encode()


def _address_of(relay: Relay | None) -> str:
    return relay.user if relay is not None and "@" in relay.user else ""


def _recipients_json(mail: Mail) -> str:
    return json.dumps(list(dict.fromkeys(mail.recipients)))


def _told(taken: Taken) -> str:
    told = {**taken.refused, **taken.deferred}
    return "; ".join(f"{recipient}: {said}" for recipient, said in told.items())[:1000]
