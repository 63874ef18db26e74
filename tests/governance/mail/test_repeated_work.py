"""Work that is done again after a crash does not send its mails again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from governance.mail.test_mailer import MESSAGE, READER, SENDER, Office
from outcrop.aws.trace_header import Lineage, read_lineage, trace_of
from outcrop.governance.mailer import Mail

EFFECT = "7d444840-9dc0-51d1-b245-5ffdce74fad2"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path, "")
    yield opened
    opened.close()


def run_of(effect: str) -> Lineage:
    found = read_lineage(trace_of(effect))
    assert found is not None
    return found


def sent(office: Office, lineage: Lineage | None, message: bytes = MESSAGE) -> str:
    mail = Mail(message, SENDER, [READER], "us-east-1", lineage=lineage)
    with office.database.write(durable=True) as connection:
        return office.mailer.accept(connection, mail)


def test_runs_of_one_work_share_their_root_alone() -> None:
    first, second = run_of(EFFECT), run_of(EFFECT)
    assert first.root == second.root == "1-7d444840-9dc051d1b2455ffdce74fad2"
    assert first.run != second.run


def test_a_header_of_somebody_elses_is_no_lineage() -> None:
    for header in ("", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8", "Run=1"):
        assert read_lineage(header) is None


def test_a_second_run_sends_nothing_again(office: Office) -> None:
    first, second, third = run_of(EFFECT), run_of(EFFECT), run_of(EFFECT)
    mail_id = sent(office, first)
    assert [sent(office, second), sent(office, third)] == [mail_id, mail_id]


def test_a_run_may_send_the_same_twice_and_the_next_goes_on_behind_it(office: Office) -> None:
    first, second = run_of(EFFECT), run_of(EFFECT)
    of_first = [sent(office, first), sent(office, first)]
    of_second = [sent(office, second), sent(office, second), sent(office, second)]
    assert of_first[0] != of_first[1]
    assert set(of_second[:2]) == set(of_first)
    assert of_second[2] not in of_first


def test_other_mails_and_other_work_are_sent(office: Office) -> None:
    first, second = run_of(EFFECT), run_of(EFFECT)
    mail_id = sent(office, first)
    other_subject = MESSAGE.replace(b"Subject: s", b"Subject: t")
    other_work = replace(second, root="1-00000000-000000000000000000000000")
    found = {sent(office, second, other_subject), sent(office, other_work), sent(office, None)}
    assert len(found) == 3
    assert mail_id not in found
