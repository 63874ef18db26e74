"""The writer: what a crash leaves, what a start mends, and what it refuses to go on with."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import orjson
import pytest

from governance.audit.conftest import Desk, call
from outcrop.core.errors import HomeError
from outcrop.governance.audit.layout import Layout
from outcrop.governance.audit.trail import AuditTrail, Pace
from outcrop.governance.audit.verification import verify


def events_of(desk: Desk, partition: str = "2026-11") -> list[dict[str, Any]]:
    return [orjson.loads(line)["event"] for line in desk.lines(partition=partition)]


def test_an_event_is_in_its_file_when_it_is_recorded(desk: Desk) -> None:
    desk.write(desk.recorder(), 1, checkpoint=False)
    assert [event["eventName"] for event in events_of(desk)] == ["DeleteObject"]


def test_a_stop_leaves_nothing_unproven_and_the_next_start_goes_on(desk: Desk) -> None:
    for _ in range(3):
        recorder = desk.recorder()
        desk.write(recorder, 5, checkpoint=False)
        recorder.trail.close()
    report = verify(desk.folder)
    assert report.is_whole
    assert report.covered is not None
    assert report.covered.sequence == 15
    assert report.uncovered == 0


def test_a_trail_goes_on_after_a_crash_without_any_checkpoint(desk: Desk) -> None:
    desk.write(desk.recorder(), 5, checkpoint=False)
    desk.write(desk.recorder(), 5)
    report = verify(desk.folder)
    assert report.is_whole
    assert report.partitions == {"2026-11": 10}


def test_a_torn_last_line_is_cut_off_and_recorded(desk: Desk) -> None:
    desk.write(desk.recorder(), 5, checkpoint=False)
    path = desk.path()
    path.write_bytes(path.read_bytes()[:-100])
    desk.recorder()
    events = events_of(desk)
    assert [event["eventName"] for event in events] == ["DeleteObject"] * 4 + ["MendAuditTrail"]
    assert set(events[-1]["serviceEventDetails"]["bytesDropped"]) == {
        "2026-11/events.jsonl",
        "2026-11/payloads.jsonl",
    }
    assert events[-1]["eventType"] == "AwsServiceEvent"
    assert verify(desk.folder).is_whole


def test_a_payload_whose_event_was_never_written_is_cut_off(desk: Desk) -> None:
    desk.write(desk.recorder(), 5, checkpoint=False)
    path = desk.path("payloads")
    whole = path.read_bytes()
    path.write_bytes(
        whole + b'{"eventID":"nobody","requestParameters":{},"responseElements":null}\n'
    )
    desk.recorder()
    assert path.read_bytes() == whole
    assert verify(desk.folder).is_whole


def test_a_payload_from_before_the_last_checkpoint_is_kept(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.write(recorder, 5)
    whole = desk.path("payloads").read_bytes()
    desk.recorder()
    assert desk.path("payloads").read_bytes() == whole


def test_epochs_that_ended_before_a_crash_get_their_checkpoints_afterwards(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = desk.recorder()
    with monkeypatch.context() as patched:
        patched.setattr(AuditTrail, "_seal_ended", lambda _self: None)  # the crash comes first
        for _ in range(3):
            desk.write(recorder, 4)
        desk.write(recorder, 4, checkpoint=False)
    assert not desk.path("checkpoints").exists()
    second = desk.recorder()
    desk.write(second, 4)
    report = verify(desk.folder)
    assert report.is_whole
    assert report.partitions == {"2026-11": 20}
    assert report.checkpoints == 4


@pytest.mark.parametrize("name", ["checkpoints", "links"])
def test_a_statement_written_just_before_a_crash_is_not_written_twice(
    desk: Desk, name: str
) -> None:
    recorder = desk.recorder()
    desk.write(recorder, 5, checkpoint=False)
    before = (desk.folder / "state.sealed").read_bytes()
    if name == "links":
        recorder.trail.checkpoint()
        before = (desk.folder / "state.sealed").read_bytes()
        desk.clock.turn(days=31)
        desk.write(recorder, 1, checkpoint=False)
        desk.path(partition="2026-12").unlink()
        desk.path("payloads", "2026-12").unlink()
    else:
        recorder.trail.checkpoint()
    (desk.folder / "state.sealed").write_bytes(before)
    desk.write(desk.recorder(), 5)
    report = verify(desk.folder)
    assert report.is_whole
    assert report.checkpoints == 2


def test_a_disk_that_refuses_leaves_nothing_of_the_event(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = desk.recorder()
    desk.write(recorder, 2, checkpoint=False)
    before = (desk.path().read_bytes(), desk.path("payloads").read_bytes())
    write = os.write

    def refusing(descriptor: int, content: bytes) -> int:
        if content.startswith(b'{"tag"'):
            return write(descriptor, content[:50])
        if not content.startswith(b'{"eventID'):
            raise OSError(28, "No space left on device")
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", refusing)
    with pytest.raises(OSError, match="No space left"):
        desk.write(recorder, 1)
    monkeypatch.undo()
    assert (desk.path().read_bytes(), desk.path("payloads").read_bytes()) == before
    desk.write(recorder, 2)
    assert verify(desk.folder).is_whole


def test_checkpoints_that_the_disk_refused_are_made_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = desk.recorder()

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                desk.write(recorder, 3)
    desk.write(recorder, 3)
    report = verify(desk.folder)
    assert report.is_whole
    assert report.checkpoints == 3


def test_the_thread_makes_checkpoints_by_itself(desk: Desk) -> None:
    trail = AuditTrail(
        desk.folder,
        desk.seals,
        desk.clock,
        account_id="123456789012",
        region="us-east-1",
        pace=Pace(events=4, seconds=0.01),
    )
    trail.start()
    for _ in range(9):
        trail.append_own("Test", {})
    trail.close()
    report = verify(desk.folder)
    assert report.is_whole
    assert report.uncovered == 0


def test_times_never_go_back(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.write(recorder, 1)
    desk.clock.turn(hours=-2)
    desk.write(recorder, 1)
    times = [event["eventTime"] for event in events_of(desk)]
    assert times == ["2026-11-21T12:00:00Z"] * 2


def test_times_do_not_go_back_across_a_start(desk: Desk) -> None:
    desk.write(desk.recorder(), 1)
    desk.clock.turn(hours=-2)
    desk.write(desk.recorder(), 1)
    times = [event["eventTime"] for event in events_of(desk)]
    assert times == ["2026-11-21T12:00:00Z"] * 2


def test_damage_is_told_at_the_next_start_and_the_trail_goes_on(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.write(recorder, 5)
    desk.write(recorder, 5, checkpoint=False)
    lines = desk.lines()
    del lines[7]
    desk.replace(lines)
    desk.write(desk.recorder(), 5)
    told = [event for event in events_of(desk) if event["eventName"] == "FindAuditTrailDamaged"]
    assert len(told) == 1
    assert "changed behind its last checkpoint" in told[0]["serviceEventDetails"]["findings"][0]
    report = verify(desk.folder)
    assert [
        (finding.kind, finding.line) for finding in report.findings if "events" in finding.file
    ] == [("cut", 8)]


def test_a_shortened_trail_is_told_at_the_next_start(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.write(recorder, 5)
    desk.write(recorder, 5)
    desk.replace(desk.lines()[:5])
    desk.replace(desk.lines("checkpoints")[:1], "checkpoints")
    desk.recorder()
    details = events_of(desk)[-1]["serviceEventDetails"]["findings"]
    assert any("checkpoints.jsonl" in finding for finding in details)
    assert any("lost events up to number 10" in finding for finding in details)


def test_a_lost_state_stops_the_start(desk: Desk) -> None:
    desk.write(desk.recorder(), 1)
    (desk.folder / "state.sealed").unlink()
    with pytest.raises(HomeError, match="restore it, or move"):
        desk.recorder()


def test_a_state_under_another_root_of_trust_stops_the_start(desk: Desk) -> None:
    desk.write(desk.recorder(), 1)
    desk.seals.key = b"x" * 32
    with pytest.raises(HomeError, match="does not open"):
        desk.recorder()


def test_no_secret_lies_in_the_folder_in_clear(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.write(recorder, 5)
    state = desk.state()
    written = b"".join(path.read_bytes() for path in desk.folder.rglob("*") if path.is_file())
    for secret in (state.secret, state.link_secret):
        assert secret.encode() not in written
        assert bytes.fromhex(secret) not in written
    assert state.secret not in repr(state)
    assert "Secret()" in repr(state.epoch_secret)


def test_a_removal_that_a_crash_cut_short_is_finished_at_the_next_start(desk: Desk) -> None:
    desk.write(desk.recorder(), 1)
    leaving = desk.folder / ".2026-10.removed"
    leaving.mkdir()
    desk.recorder()
    assert not leaving.exists()
    assert Layout(desk.folder).partitions() == ["2026-11"]


WRITER = """
    import sys
    from pathlib import Path
    from governance.audit.conftest import Desk
    desk = Desk(Path(sys.argv[1]))
    recorder = desk.recorder()
    for number in range(1_000_000):
        desk.write(recorder, 1, checkpoint=number % 7 == 0)
        print(number + 1, flush=True)
"""


def test_whatever_was_acknowledged_survives_kill_minus_nine(desk: Desk) -> None:
    tests = Path(__file__).parents[2]
    acknowledged = 0
    for kill_after in (3, 40, 150):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(desk.folder)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(tests)},
        )
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= kill_after:
                break
        process.kill()
        rest = process.stdout.read().split()
        acknowledged += int(rest[-1]) if rest else kill_after
        process.stdout.close()
        process.wait()
    recorder = desk.recorder()
    recorder.trail.checkpoint()
    report = verify(desk.folder)
    assert report.findings == []
    calls = [event for event in events_of(desk) if event["eventName"] == "DeleteObject"]
    assert acknowledged <= len(calls) <= acknowledged + 3


def test_a_call_of_the_next_month_opens_it(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.write(recorder, 2, checkpoint=False)
    desk.clock.turn(days=10)
    recorder.record(call("s3", "ListBuckets", {}), desk.now)
    assert len(desk.lines(partition="2026-12")) == 1
    assert verify(desk.folder).is_whole


def test_a_server_that_slept_through_months_opens_the_present_one(desk: Desk) -> None:
    desk.write(desk.recorder(), 2, checkpoint=False)
    desk.clock.turn(days=100)
    desk.write(desk.recorder(), 2)
    assert Layout(desk.folder).partitions() == ["2026-11", "2027-03"]
    assert verify(desk.folder).is_whole
