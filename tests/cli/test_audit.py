"""`outcrop audit` on a folder that a trail was written to, and on copies of it that somebody changed."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from governance.audit.conftest import START, Desk, call
from outcrop.cli.main import app
from outcrop.config import Settings
from outcrop.core.clock import SystemClock
from outcrop.governance.audit.trail import AuditTrail
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import upgrade
from outcrop.storage.home import Home
from outcrop.storage.kms_keys.root_of_trust import open_root_of_trust
from outcrop.storage.service_keys import ServiceKeys

WHOLE, DAMAGED, UNREADABLE = 0, 1, 2
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run() -> Run:
    """Run `outcrop audit …`; return its exit status and all that it printed."""

    def invoke(*arguments: str | Path) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["audit", *(str(item) for item in arguments)])
        return result.exit_code, result.output

    return invoke


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A trail of ten calls under a checkpoint."""
    made = Desk(tmp_path / "audit")
    made.write(made.recorder(), 10)
    return made


def checkpoint_of(run: Run, folder: Path) -> str:
    _, text = run("verify", folder, "--json")
    report: dict[str, Any] = json.loads(text)
    return str(report["checkpoint"])


def test_a_whole_trail_verifies_with_status_zero(run: Run, desk: Desk) -> None:
    status, text = run("verify", desk.folder)
    assert status == WHOLE
    assert "WHOLE" in text
    assert "10 events" in text


def test_a_copy_elsewhere_verifies_without_a_home(run: Run, desk: Desk, tmp_path: Path) -> None:
    copy = tmp_path / "usb" / "trail"
    shutil.copytree(desk.folder, copy)
    assert run("verify", copy, "--home", tmp_path / "nothing")[0] == WHOLE


def test_a_change_is_named_with_its_file_and_line(run: Run, desk: Desk) -> None:
    lines = desk.lines()
    lines[4] = lines[4].replace(b"10.1.2.3", b"10.9.9.9")
    desk.replace(lines)
    status, text = run("verify", desk.folder)
    assert status == DAMAGED
    assert "edited: 2026-11/events.jsonl:5: event 5 was changed" in text
    assert "CHANGED" in text
    status, text = run("verify", desk.folder, "--json")
    assert status == DAMAGED
    assert json.loads(text)["findings"] == [
        {
            "kind": "edited",
            "file": "2026-11/events.jsonl",
            "line": 5,
            "what": "event 5 was changed",
        }
    ]


def test_an_expected_checkpoint_tells_a_shortened_trail(run: Run, desk: Desk) -> None:
    trail = desk.recorder()
    desk.write(trail, 10)
    expected = checkpoint_of(run, desk.folder)
    assert run("verify", desk.folder, "--expect", expected)[0] == WHOLE
    for name, kept in (("events", 10), ("payloads", 10), ("checkpoints", 1)):
        desk.replace(desk.lines(name)[:kept], name)
    assert run("verify", desk.folder)[0] == WHOLE
    status, text = run("verify", desk.folder, "--expect", expected)
    assert status == DAMAGED
    assert "truncated: the trail" in text


def test_a_known_public_key_tells_a_trail_made_anew(run: Run, desk: Desk, tmp_path: Path) -> None:
    known = tmp_path / "known.pem"
    shutil.copy(desk.folder / "public-key.pem", known)
    assert run("verify", desk.folder, "--public-key", known)[0] == WHOLE
    forged = Desk(tmp_path / "forged")
    forged.write(forged.recorder(), 10)
    assert run("verify", forged.folder)[0] == WHOLE
    status, text = run("verify", forged.folder, "--public-key", known)
    assert status == DAMAGED
    assert "re-stamped: public-key.pem" in text


@pytest.mark.parametrize(
    "arguments", [["--expect", "many"], ["--public-key", "/nothing.pem"], ["/no/such/folder"]]
)
def test_what_cannot_be_read_has_a_status_of_its_own(
    run: Run, desk: Desk, arguments: list[str]
) -> None:
    folder = [] if arguments[0].startswith("/no") else [str(desk.folder)]
    status, text = run("verify", *folder, *arguments)
    assert status == UNREADABLE
    assert "error:" in text


def test_a_home_proves_even_the_last_events(run: Run, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    database = Database.at(home.database)
    upgrade(database)
    keys = ServiceKeys(database, open_root_of_trust(Settings(home=home.path), home, database))
    trail = AuditTrail(
        home.audit, keys, SystemClock(), account_id="123456789012", region="us-east-1"
    )
    trail.append_own("First", {})
    trail.checkpoint()
    trail.append_own("Second", {"note": "unsigned"})
    database.close()
    assert run("verify", "--home", home.path)[0] == WHOLE
    (events,) = home.audit.glob("*/events.jsonl")
    events.write_bytes(events.read_bytes().replace(b"unsigned", b"Unsigned"))
    assert run("verify", home.audit)[0] == WHOLE, "without the state nothing vouches for the last"
    status, text = run("verify", "--home", home.path)
    assert status == DAMAGED
    assert "events.jsonl:2" in text


def test_events_are_listed_and_filtered(run: Run, desk: Desk) -> None:
    recorder = desk.recorder()
    recorder.record(call("s3", "CreateBucket", {"Bucket": "b"}, failure="AccessDenied"), desk.now)
    status, text = run("list", desk.folder, "--limit", "3")
    assert status == 0
    assert text.count("s3:DeleteObject") == 2
    assert "AccessDenied" in text
    _, text = run("list", desk.folder, "--attribute", "EventName=CreateBucket", "--format", "json")
    (record,) = json.loads(text)
    assert record["requestParameters"] == {"bucketName": "b"}
    _, text = run("list", desk.folder, "--until", "2026-11-20", "--format", "json")
    assert json.loads(text) == []
    status, text = run("list", desk.folder, "--attribute", "Nothing=1")
    assert status == 1
    assert "is no filter" in text


def test_an_export_has_the_form_of_cloudtrails_log_files(
    run: Run, desk: Desk, tmp_path: Path
) -> None:
    status, text = run("export", desk.folder)
    assert status == 0
    records = json.loads(text)["Records"]
    assert len(records) == 10
    assert records[0]["requestParameters"] == {"bucketName": "b", "key": "k9"}
    assert records[0]["eventTime"] == f"{START:%Y-%m-%dT%H:%M:%SZ}"
    target = tmp_path / "export.json.gz"
    assert run("export", desk.folder, "--to", target)[0] == 0
    assert json.loads(gzip.decompress(target.read_bytes()))["Records"] == records


def test_a_folder_without_a_trail_is_said_to_be_one(run: Run, tmp_path: Path) -> None:
    status, text = run("list", tmp_path)
    assert status == 1
    assert "holds no audit trail" in text
