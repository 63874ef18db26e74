"""Mail is delivered once, whoever fails on the way; and what cannot be known is said."""

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outcrop.core.clock import SystemClock
from outcrop.core.errors import ConfigurationError
from outcrop.crypto.certificates import ensure_certificate
from outcrop.crypto.key_source import FileKeySource
from outcrop.governance.mail.relay import parse_relay
from outcrop.governance.mailer import Mailer, open_message
from outcrop.storage import outbox
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import upgrade
from outcrop.storage.outbox import MailRow
from outcrop.storage.service_keys import ServiceKeys
from support.mail_server import PATIENCE_SECONDS, MailServer, Received

MESSAGE = b"From: a@example.com\r\nTo: b@example.net\r\nSubject: s\r\n\r\n.hello\r\n"
SENDER, READER = "a@example.com", "b@example.net"
# Sends one mail and waits to be killed.
SCRIPT = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests")
from governance.mail.test_mailer import MESSAGE, READER, SENDER, Office
office = Office(Path(sys.argv[1]), sys.argv[2])
office.mailer.send(MESSAGE, SENDER, [READER])
time.sleep(600)
"""


class Office:
    """An outbox in a folder, and whoever delivers what is in it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.database = Database.at(folder / "outcrop.db")
        upgrade(self.database)
        self.keys = ServiceKeys(self.database, FileKeySource(folder / "root.key"))
        self.mailer = Mailer(
            self.database, self.keys, SystemClock(), smtp_url=url, first_retry_seconds=0.05
        )

    def close(self) -> None:
        self.mailer.close()
        self.database.close()

    def row(self, mail_id: str) -> MailRow:
        found = outbox.get(self.database.reader, mail_id)
        assert found is not None
        return found

    def wait_until(self, mail_id: str, *states: str) -> MailRow:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (row := self.row(mail_id)).state not in states:
            assert time.monotonic() < deadline, row
            time.sleep(0.01)
        return row


@pytest.fixture
def server() -> Iterator[MailServer]:
    started = MailServer().start()
    yield started
    started.stop()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[[str], Office]]:
    opened: list[Office] = []

    def open_office(url: str) -> Office:
        opened.append(Office(tmp_path, url))
        return opened[-1]

    yield open_office
    for item in opened:
        item.close()


def test_without_a_server_mail_is_kept_sealed(
    office: Callable[[str], Office], tmp_path: Path
) -> None:
    home = office("")
    mail_id = home.mailer.send(MESSAGE, SENDER, [READER])
    row = home.row(mail_id)
    assert (row.state, row.recipients, row.subject) == ("kept", [READER], "s")
    assert open_message(home.database, home.keys, mail_id).endswith(b".hello\r\n")
    home.close()
    assert all(b".hello" not in path.read_bytes() for path in tmp_path.glob("outcrop.db*"))


def test_a_password_goes_out_under_tls_only_and_shows_nowhere(
    office: Callable[[str], Office], tmp_path: Path
) -> None:
    files = ensure_certificate(tmp_path / "ca", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server = MailServer(users={"robot@example.com": "geheim/1"}, tls=context).start()
    try:
        url = f"smtp://robot%40example.com:geheim%2F1@127.0.0.1:{server.port}?starttls=required&ca={files.authority}"
        home = office(url)
        mail_id = home.mailer.send(MESSAGE, SENDER, [READER])
        home.wait_until(mail_id, "sent")
        assert [mail.recipients for mail in server.received] == [(READER,)]
        assert server.sessions[0].ssl is not None
        assert server.sessions[0].authenticated
        assert home.mailer.own_sender("no-reply@sns.amazonaws.com") == "robot@example.com"
    finally:
        server.stop()
    assert "geheim" not in repr(parse_relay(url))


def test_a_wrong_password_is_tried_again_and_not_shown(
    office: Callable[[str], Office], tmp_path: Path
) -> None:
    files = ensure_certificate(tmp_path / "ca", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server = MailServer(users={"robot": "right"}, tls=context).start()
    try:
        home = office(f"smtp://robot:wrong-one@127.0.0.1:{server.port}?ca={files.authority}")
        mail_id = home.mailer.send(MESSAGE, SENDER, [READER])
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (row := home.row(mail_id)).detail:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert (row.state, row.detail.startswith("535")) == ("queued", True)
        assert "wrong-one" not in row.detail
        assert server.received == []
    finally:
        server.stop()


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "smtp://",
        "smtp://h?colour=red",
        "smtp://u:geheim@h?starttls=maybe",
        "smtp://h:x",
    ],
)
def test_urls_that_are_none_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="OUTCROP_SMTP_URL") as caught:
        parse_relay(url)
    assert "geheim" not in str(caught.value)


def test_a_password_for_another_machine_demands_tls() -> None:
    relay = parse_relay("smtp://u:p@mail.example.com")
    assert relay is not None
    assert (relay.starttls, relay.port) == ("required", 587)


def test_mail_that_is_put_off_is_delivered_later(
    server: MailServer, office: Callable[[str], Office]
) -> None:
    answers = iter(["451 later", "421 later still"])
    server.answers = lambda _mail: next(answers, "250 taken")
    home = office(server.url)
    row = home.wait_until(home.mailer.send(MESSAGE, SENDER, [READER]), "sent")
    assert (row.attempts, row.detail) == (3, "250 taken")
    assert len(server.received) == 1
    assert server.received[0].content.endswith(b"\r\n\r\n.hello\r\n")


def test_mail_that_is_refused_for_good_fails(
    server: MailServer, office: Callable[[str], Office]
) -> None:
    server.answers = lambda _mail: "554 spam"
    home = office(server.url)
    row = home.wait_until(home.mailer.send(MESSAGE, SENDER, [READER]), "failed")
    assert row.detail == "554 spam"


def test_one_recipient_who_is_refused_or_put_off_does_not_hold_up_the_others(
    server: MailServer, office: Callable[[str], Office]
) -> None:
    server.refuses = {"gone@example.net": "550 unknown", "busy@example.net": "450 busy"}
    home = office(server.url)
    recipients = [READER, "gone@example.net", "busy@example.net"]
    mail_id = home.mailer.send(MESSAGE, SENDER, recipients)
    server.wait_for(1)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (row := home.row(mail_id)).pending != ["busy@example.net"]:
        assert time.monotonic() < deadline, row
        time.sleep(0.01)
    assert "gone@example.net: 550 unknown" in row.detail or row.attempts > 1
    server.refuses = {}
    home.wait_until(mail_id, "sent")
    assert [mail.recipients for mail in server.received] == [(READER,), ("busy@example.net",)]


def test_a_server_that_is_away_is_waited_for(
    office: Callable[[str], Office], server: MailServer
) -> None:
    server.stop()
    home = office(server.url)
    mail_id = home.mailer.send(MESSAGE, SENDER, [READER])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while home.row(mail_id).attempts < 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert home.row(mail_id).state == "queued"
    server.start()  # on another port, so that a later server has to be told of it
    home.close()
    again = office(server.url)
    again.mailer.start()
    again.wait_until(mail_id, "sent")
    assert len(server.received) == 1


def killed_when(server: MailServer, folder: Path, *, at_end: bool) -> None:
    """Send a mail from a process that is killed when its mail is named, or has arrived but is not answered."""
    process: list[subprocess.Popen[bytes]] = []

    def kill(_mail: Received) -> str:
        os.kill(process[0].pid, signal.SIGKILL)
        process[0].wait(PATIENCE_SECONDS)
        return "250 taken"

    if at_end:
        server.answers = kill
    else:
        server.refuses = {READER: "450 not yet"}
    root = Path(__file__).parents[3]
    process.append(
        subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), server.url], cwd=root)
    )
    if not at_end:
        database = Database.at(folder / "outcrop.db")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _was_put_off(folder, database):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        database.close()
        process[0].kill()
    process[0].wait(PATIENCE_SECONDS)
    server.answers, server.refuses = (lambda _mail: "250 taken"), {}


def _was_put_off(folder: Path, database: Database) -> bool:
    if not (folder / "outcrop.db").exists():
        return False
    from sqlalchemy import inspect

    if not inspect(database.reader).has_table("outbox"):
        return False
    rows = outbox.newest(database.reader, 1)
    return bool(rows) and rows[0].attempts > 0


def test_a_server_killed_before_its_mail_went_out_delivers_it_once(
    server: MailServer, office: Callable[[str], Office], tmp_path: Path
) -> None:
    killed_when(server, tmp_path, at_end=False)
    home = office(server.url)
    (row,) = outbox.newest(home.database.reader, 10)
    home.mailer.start()
    home.wait_until(row.id, "sent")
    assert [mail.recipients for mail in server.received] == [(READER,)]


def test_a_server_killed_while_its_mail_is_taken_does_not_send_it_again(
    server: MailServer, office: Callable[[str], Office], tmp_path: Path
) -> None:
    killed_when(server, tmp_path, at_end=True)
    home = office(server.url)
    (row,) = outbox.newest(home.database.reader, 10)
    assert row.state == "handed over"
    home.mailer.start()
    assert home.row(row.id).state == "uncertain"
    home.wait_until(home.mailer.send(MESSAGE, SENDER, ["next@example.net"]), "sent")
    assert [mail.recipients for mail in server.received] == [(READER,), ("next@example.net",)]
