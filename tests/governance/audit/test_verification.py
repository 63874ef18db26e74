"""Every way to tamper with a trail has its own name, file and line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.audit.conftest import Desk
from outcrop.governance.audit.chain import ChainKey, Secret, line_of, parse_line
from outcrop.governance.audit.findings import Kind, Mark, Report
from outcrop.governance.audit.retention import Retention
from outcrop.governance.audit.statements import Checkpoint, read_statements, signed_line
from outcrop.governance.audit.verification import load_public_key, verify

EVENTS = "2026-11/events.jsonl"


def found(report: Report) -> list[tuple[Kind, str, int]]:
    return [(finding.kind, finding.file, finding.line) for finding in report.findings]


@pytest.fixture
def written(desk: Desk) -> Desk:
    """Three epochs of ten events each: lines 1 to 10, 11 to 20, 21 to 30."""
    recorder = desk.recorder()
    for _ in range(3):
        desk.write(recorder, 10)
    return desk


def restamped(lines: list[bytes], key: bytes, previous: bytes) -> list[bytes]:
    """Return lines with the chain computed anew."""
    made = []
    for text in lines:
        line = parse_line(text[:-1])
        assert line is not None
        previous = ChainKey(key).tag(previous, line.body)
        made.append(line_of(previous, line.body))
    return made


def test_a_trail_that_nobody_touched_is_whole(written: Desk) -> None:
    report = verify(written.folder)
    assert found(report) == []
    assert report.partitions == {"2026-11": 30}
    assert report.checkpoints == 3
    assert report.covered is not None
    assert report.covered.sequence == 30


def test_a_copy_without_any_secret_verifies(written: Desk, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(written.folder, copy)
    (copy / "state.sealed").unlink()
    assert verify(copy).is_whole


def test_an_edited_event_is_named_by_its_line(written: Desk) -> None:
    lines = written.lines()
    lines[13] = lines[13].replace(b"10.1.2.3", b"10.9.9.9")
    written.replace(lines)
    assert found(verify(written.folder)) == [(Kind.EDITED, EVENTS, 14)]


def test_an_edited_tag_is_an_edit(written: Desk) -> None:
    lines = written.lines()
    lines[13] = lines[13].replace(lines[13][8:12], b"0000")
    written.replace(lines)
    assert found(verify(written.folder)) == [(Kind.EDITED, EVENTS, 14)]


def test_the_last_event_under_a_checkpoint_can_be_edited_no_more_than_others(written: Desk) -> None:
    lines = written.lines()
    lines[29] = lines[29].replace(b"10.1.2.3", b"10.9.9.9")
    written.replace(lines)
    assert found(verify(written.folder)) == [(Kind.EDITED, EVENTS, 30)]


def test_an_event_made_unreadable_is_an_edit(written: Desk) -> None:
    lines = written.lines()
    lines[4] = b"gone\n"
    written.replace(lines)
    assert found(verify(written.folder)) == [(Kind.EDITED, EVENTS, 5)]


@pytest.mark.parametrize("cut", [range(1), range(3, 4), range(12, 15), range(8, 12), range(10, 20)])
def test_events_cut_out_are_missed_where_they_were(written: Desk, cut: range) -> None:
    lines = written.lines()
    written.replace([line for number, line in enumerate(lines) if number not in cut])
    report = verify(written.folder)
    assert {finding.kind for finding in report.findings} == {Kind.CUT}
    assert report.findings[0].line == cut.start + 1 or report.findings[0].line == 0
    assert f"{cut.start + 1}" in report.findings[0].what


def test_an_event_put_in_is_a_stranger(written: Desk) -> None:
    lines = written.lines()
    written.replace([*lines[:5], lines[4].replace(b"10.1.2.3", b"10.9.9.9"), *lines[5:]])
    assert found(verify(written.folder)) == [(Kind.INSERTED, EVENTS, 6)]


def test_a_forged_line_between_epochs_is_a_stranger(written: Desk) -> None:
    lines = written.lines()
    written.replace([*lines[:10], b"forged\n", *lines[10:]])
    assert found(verify(written.folder)) == [(Kind.INSERTED, EVENTS, 11)]


def test_events_in_another_order_are_reordered(written: Desk) -> None:
    lines = written.lines()
    lines[3], lines[6] = lines[6], lines[3]
    written.replace(lines)
    report = verify(written.folder)
    assert {finding.kind for finding in report.findings} == {Kind.REORDERED}


@pytest.mark.parametrize("kept", [25, 20, 15, 10, 0])
def test_a_tail_cut_off_is_missed_by_the_checkpoints(written: Desk, kept: int) -> None:
    written.replace(written.lines()[:kept])
    report = verify(written.folder)
    assert {finding.kind for finding in report.findings} <= {Kind.TRUNCATED, Kind.CUT}
    assert report.findings[-1].kind is Kind.TRUNCATED


def test_a_tail_cut_off_with_its_checkpoints_is_missed_by_whoever_expects_it(written: Desk) -> None:
    covered = verify(written.folder).covered
    assert covered is not None
    state = written.state()
    written.replace(written.lines()[:20])
    written.replace(written.lines("payloads")[:20], "payloads")
    written.replace(written.lines("checkpoints")[:2], "checkpoints")
    assert verify(written.folder).is_whole, (
        "a shorter trail is a trail: that is what expecting is for"
    )
    expected = verify(written.folder, expected=Mark.parse(str(covered)))
    assert [finding.kind for finding in expected.findings] == [Kind.TRUNCATED]
    assert [finding.kind for finding in verify(written.folder, state=state).findings] == [
        Kind.TRUNCATED
    ]


def test_tags_made_with_another_key_are_a_restamping(written: Desk) -> None:
    lines = written.lines()
    lines[23] = lines[23].replace(b"10.1.2.3", b"10.9.9.9")
    lines[23:] = restamped(lines[23:], b"a" * 32, lines[22][8:72])
    written.replace(lines)
    assert found(verify(written.folder)) == [(Kind.RESTAMPED, EVENTS, 24)]


def test_tags_made_with_the_disclosed_key_do_not_fit_the_signed_checkpoint(written: Desk) -> None:
    signed = list(read_statements(written.path("checkpoints")))[1]
    checkpoint = signed.read(Checkpoint)
    assert checkpoint is not None
    lines = written.lines()
    lines[13] = lines[13].replace(b"10.1.2.3", b"10.9.9.9")
    lines[13:20] = restamped(lines[13:20], bytes.fromhex(checkpoint.key), lines[12][8:72])
    written.replace(lines)
    report = verify(written.folder)
    assert Kind.RESTAMPED in {finding.kind for finding in report.findings}


def test_checkpoints_signed_with_another_key_are_a_restamping(written: Desk) -> None:
    forger = Secret(b"f" * 32)
    made: list[bytes] = []
    lines = written.lines()
    previous = b"0" * 64
    for number, signed in enumerate(read_statements(written.path("checkpoints"))):
        checkpoint = signed.read(Checkpoint)
        assert checkpoint is not None
        chunk = [
            line.replace(b"10.1.2.3", b"10.9.9.9")
            for line in lines[checkpoint.first - 1 : checkpoint.last]
        ]
        chunk = restamped(chunk, forger.chain_key_bytes, previous)
        lines[checkpoint.first - 1 : checkpoint.last] = chunk
        forged = Checkpoint(
            partition="2026-11",
            number=number,
            first=checkpoint.first,
            last=checkpoint.last,
            previous=previous.decode(),
            head=chunk[-1][8:72].decode(),
            key=forger.chain_key_bytes.hex(),
            next_signer=forger.next().public_key,
            time=checkpoint.time,
        )
        made.append(signed_line(forged, forger))
        previous, forger = chunk[-1][8:72], forger.next()
    written.replace(lines)
    written.replace(made, "checkpoints")
    report = verify(written.folder)
    assert (Kind.RESTAMPED, "2026-11/checkpoints.jsonl", 1) in found(report)


def test_a_whole_new_trail_is_no_match_for_a_known_key(written: Desk, tmp_path: Path) -> None:
    known = load_public_key(written.folder / "public-key.pem")
    forged = Desk(tmp_path / "forged")
    forged.write(forged.recorder(), 30)
    assert verify(forged.folder).is_whole
    assert Kind.RESTAMPED in {
        finding.kind for finding in verify(forged.folder, public_key=known).findings
    }
    covered = verify(written.folder).covered
    assert [finding.kind for finding in verify(forged.folder, expected=covered).findings] == [
        Kind.RESTAMPED
    ]


def test_who_steals_the_present_secrets_cannot_restamp_the_past(written: Desk) -> None:
    stolen = written.state().epoch_secret
    lines = written.lines()
    lines[13] = lines[13].replace(b"10.1.2.3", b"10.9.9.9")
    lines[10:20] = restamped(lines[10:20], stolen.chain_key_bytes, lines[9][8:72])
    written.replace(lines)
    checkpoints = written.lines("checkpoints")
    second = list(read_statements(written.path("checkpoints")))[1].read(Checkpoint)
    assert second is not None
    forged = Checkpoint(
        "2026-11", 1, 11, 20, second.previous, lines[19][8:72].decode(),
        stolen.chain_key_bytes.hex(), second.next_signer, second.time,
    )  # fmt: skip
    written.replace([checkpoints[0], signed_line(forged, stolen), checkpoints[2]], "checkpoints")
    assert (Kind.RESTAMPED, "2026-11/checkpoints.jsonl", 2) in found(verify(written.folder))


@pytest.mark.parametrize(
    ("tamper", "kind", "line"),
    [
        (lambda lines: [lines[0], lines[2]], Kind.CUT, 2),
        (lambda lines: [lines[0], b"x\n", lines[2]], Kind.EDITED, 2),
        (lambda lines: [lines[0], lines[0], *lines[1:]], Kind.INSERTED, 2),
        (
            lambda lines: [lines[0], lines[1].replace(b'"last":20', b'"last":19'), lines[2]],
            Kind.RESTAMPED,
            2,
        ),
    ],
)
def test_checkpoints_are_guarded_as_events_are(
    written: Desk, tamper: Callable[[list[bytes]], list[bytes]], kind: Kind, line: int
) -> None:
    written.replace(tamper(written.lines("checkpoints")), "checkpoints")
    assert (kind, "2026-11/checkpoints.jsonl", line) in found(verify(written.folder))


def test_edited_and_lost_payloads_are_named(written: Desk) -> None:
    lines = written.lines("payloads")
    lines[4] = lines[4].replace(b'"k4"', b'"k5"')
    del lines[17]
    written.replace(lines, "payloads")
    report = verify(written.folder)
    assert found(report) == [
        (Kind.EDITED, "2026-11/payloads.jsonl", 5),
        (Kind.CUT, "2026-11/payloads.jsonl", 0),
    ]
    assert "line 18" in report.findings[1].what


def test_a_payload_of_no_event_is_a_stranger(written: Desk) -> None:
    lines = written.lines("payloads")
    extra = [b'{"eventID":"nobody"}\n'] * 2
    written.replace([*lines, *extra], "payloads")
    assert Kind.INSERTED in {finding.kind for finding in verify(written.folder).findings}


def test_events_behind_the_last_checkpoint_are_proven_by_the_open_state_alone(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.write(recorder, 10)
    desk.write(recorder, 5, checkpoint=False)
    report = verify(desk.folder)
    assert report.is_whole
    assert report.uncovered == 5
    lines = desk.lines()
    lines[12] = lines[12].replace(b"10.1.2.3", b"10.9.9.9")
    desk.replace(lines)
    assert verify(desk.folder).is_whole
    assert found(verify(desk.folder, state=desk.state())) == [(Kind.EDITED, EVENTS, 13)]


def test_months_follow_one_another_and_a_lost_one_is_missed(desk: Desk) -> None:
    recorder = desk.recorder()
    for _ in range(3):
        desk.write(recorder, 5)
        desk.clock.turn(days=31)
    desk.write(recorder, 5)
    report = verify(desk.folder)
    assert found(report) == []
    assert list(report.partitions) == ["2026-11", "2026-12", "2027-01", "2027-02"]
    shutil.rmtree(desk.folder / "2026-12")
    assert found(verify(desk.folder)) == [(Kind.CUT, "2026-12", 0)]


def test_links_are_guarded_too(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.write(recorder, 5)
    desk.clock.turn(days=31)
    desk.write(recorder, 5)
    links = desk.folder / "links.jsonl"
    lines = links.read_bytes().splitlines(keepends=True)
    links.write_bytes(lines[0] + lines[1].replace(b'"first":6', b'"first":7'))
    assert (Kind.RESTAMPED, "links.jsonl", 2) in found(verify(desk.folder))


def test_months_that_retention_removed_are_on_record(desk: Desk) -> None:
    recorder = desk.recorder(retention=Retention(months=1, payload_months=0))
    for _ in range(3):
        desk.write(recorder, 5)
        desk.clock.turn(days=31)
    desk.write(recorder, 5)
    recorder.trail.retire()
    recorder.trail.checkpoint()
    assert sorted(path.name for path in desk.folder.iterdir() if path.is_dir()) == [
        "2027-01",
        "2027-02",
    ]
    report = verify(desk.folder)
    assert found(report) == []
    assert report.notes == ["2026-11 was removed by retention", "2026-12 was removed by retention"]


def test_payloads_can_go_before_their_events(desk: Desk) -> None:
    recorder = desk.recorder(retention=Retention(months=0, payload_months=1))
    for _ in range(2):
        desk.write(recorder, 5)
        desk.clock.turn(days=31)
    desk.write(recorder, 5)
    recorder.trail.retire()
    recorder.trail.checkpoint()
    assert not desk.path("payloads", "2026-11").exists()
    assert desk.path("payloads", "2026-12").exists()
    report = verify(desk.folder)
    assert found(report) == []
    assert report.notes == ["the payloads of 2026-11 were removed by retention"]
    desk.path("payloads", "2026-12").unlink()
    assert found(verify(desk.folder)) == [(Kind.CUT, "2026-12/payloads.jsonl", 0)]


def test_each_signing_key_signs_once(written: Desk) -> None:
    signers = [
        orjson.loads(line)["next_signer"]
        for line in [*written.lines("checkpoints"), (written.folder / "links.jsonl").read_bytes()]
    ]
    assert len(set(signers)) == len(signers)
    assert all(
        len(bytes.fromhex(signer))
        == len(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
        for signer in signers
    )
