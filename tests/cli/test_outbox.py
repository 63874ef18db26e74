"""The outbox on the command line: listed, shown, sent; domains confirmed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from outcrop.cli.main import app
from support.composed_server import ComposedServer
from support.mail_server import MailServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    running = ComposedServer(tmp_path_factory.mktemp("outbox")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def ses(server: ComposedServer) -> Any:
    return server.client("ses", region="us-east-1")


def run(server: ComposedServer, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--home", str(server.home.path)])


def listed(server: ComposedServer) -> list[dict[str, Any]]:
    answer = run(server, "outbox", "--json")
    assert answer.exit_code == 0, answer.output
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    return found


def test_a_verification_mail_can_be_read_where_there_is_no_mail_server(
    server: ComposedServer, ses: Any
) -> None:
    ses.verify_email_identity(EmailAddress="fritz@example.com")
    (row,) = [row for row in listed(server) if row["recipients"] == ["fritz@example.com"]]
    assert (row["state"], row["service"]) == ("kept", "verification")
    answer = run(server, "outbox", "show", row["id"])
    assert answer.exit_code == 0, answer.output
    assert "To: fritz@example.com" in answer.stdout
    code = re.search(r"code=3?D?=?\n?([0-9a-f]{8})", answer.stdout)
    assert code is not None


def test_an_operator_confirms_a_domain(server: ComposedServer, ses: Any) -> None:
    ses.verify_domain_identity(Domain="example.org")
    assert run(server, "outbox", "confirm", "example.org").exit_code == 0
    found = ses.get_identity_verification_attributes(Identities=["example.org"])
    attributes = found["VerificationAttributes"]["example.org"]
    assert attributes["VerificationStatus"] == "Success"
    message_id = ses.send_email(
        Source="robot@example.org",
        Destination={"ToAddresses": ["eva@example.net"]},
        Message={"Subject": {"Data": "Ready"}, "Body": {"Text": {"Data": "It is ready."}}},
    )["MessageId"]
    answer = run(server, "outbox", "show", message_id[-14:])
    assert answer.stdout.endswith("\nIt is ready.\n\n")
    unknown = run(server, "outbox", "confirm", "example.com")
    assert (unknown.exit_code, "nobody entered" in unknown.output) == (1, True)


def test_the_list_is_a_table_for_people(server: ComposedServer, ses: Any) -> None:
    ses.verify_email_identity(EmailAddress="grete@example.com")
    answer = run(server, "outbox")
    assert answer.exit_code == 0
    assert "accepted" in answer.stdout
    assert "kept" in answer.stdout


def test_a_kept_mail_can_be_sent_once_there_is_a_server(server: ComposedServer, ses: Any) -> None:
    from outcrop.governance.mailer import Mailer

    ses.verify_email_identity(EmailAddress="hans@example.com")
    (row,) = [row for row in listed(server) if row["recipients"] == ["hans@example.com"]]
    assert run(server, "outbox", "send", row["id"]).exit_code == 0
    mail, platform = MailServer().start(), server.platform
    mailer = Mailer(platform.database, platform.service_keys, platform.clock, smtp_url=mail.url)
    try:
        mailer.start()
        assert mail.mail_to("hans@example.com").links
    finally:
        mailer.close()
        mail.stop()


def test_a_home_that_is_none_is_named(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["outbox", "--home", str(tmp_path / "none")])
    assert (answer.exit_code, "there is no home" in answer.output) == (1, True)
