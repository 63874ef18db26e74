"""Searching the files finds what a search through all records finds, in order, within times and from page to page."""

from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from random import Random
from typing import Any

import pytest

from governance.audit.conftest import ACCOUNT, START, Desk, call
from outcrop.aws.operation import Principal
from outcrop.governance.audit.lookup import Found, Place, Wanted, search

USER = Principal(
    "User", f"arn:aws:iam::{ACCOUNT}:user/ada", ACCOUNT, access_key_id="AKIAADAADAADAADAADA1"
)


@pytest.fixture
def filled(desk: Desk) -> Desk:
    """Calls over several months, some by ada, some refused."""
    recorder = desk.recorder()
    draw = Random(7)
    for number in range(120):
        operation = draw.choice(["CreateBucket", "DeleteBucket", "HeadBucket"])
        options = {"principal": USER} if number % 3 == 0 else {}
        recorder.record(call("s3", operation, {"Bucket": f"b{number % 5}"}, **options), desk.now)
        desk.clock.turn(hours=draw.choice([0, 1, 48]), minutes=1)
    return desk


def found(desk: Desk, wanted: Wanted, after: Place | None = None) -> list[Found]:
    return list(search(desk.trail().layout, wanted, after))


def test_everything_comes_newest_first(filled: Desk) -> None:
    times = [item.record["eventTime"] for item in found(filled, Wanted())]
    assert len(times) == 120
    assert times == sorted(times, reverse=True)
    assert len({time[:7] for time in times}) > 2


@pytest.mark.parametrize(
    ("attribute", "value", "count"),
    [
        ("EventName", "CreateBucket", None),
        ("EventName", "create", 0),
        ("EventSource", "s3.amazonaws.com", 120),
        ("ReadOnly", "true", None),
        ("ReadOnly", "false", None),
        ("Username", "ada", 40),
        ("Username", "root", 80),
        ("Username", "ad", 0),
        ("AccessKeyId", "AKIAADAADAADAADAADA1", 40),
        ("ResourceType", "AWS::S3::Bucket", 120),
        ("ResourceType", "AWS::S3::Object", 0),
        ("ResourceName", "b3", 24),
        ("ResourceName", "arn:aws:s3:::b3", 24),
        ("ResourceName", "b", 0),
        ("EventId", "00000000-0000-0000-0000-000000000000", 0),
    ],
)
def test_each_attribute_finds_its_events(
    filled: Desk, attribute: str, value: str, count: int | None
) -> None:
    all_records = [item.record for item in found(filled, Wanted())]
    tests: dict[str, Callable[[dict[str, Any]], bool]] = {
        "EventName": lambda record: record["eventName"] == value,
        "EventSource": lambda record: record["eventSource"] == value,
        "ReadOnly": lambda record: str(record["readOnly"]).lower() == value,
        "Username": lambda record: record["userIdentity"].get("userName", "root") == value,
        "AccessKeyId": lambda record: record["userIdentity"]["accessKeyId"] == value,
        "ResourceType": lambda record: record["resources"][0]["type"] == value,
        "ResourceName": lambda record: (
            record["resources"][0]["ARN"].endswith(f":{value}")
            or record["resources"][0]["ARN"] == value
        ),
        "EventId": lambda record: record["eventID"] == value,
    }
    expected = [record["eventID"] for record in all_records if tests[attribute](record)]
    got = [item.record["eventID"] for item in found(filled, Wanted(attribute, value))]
    assert got == expected
    assert count is None or len(got) == count


def test_an_event_is_found_by_its_id(filled: Desk) -> None:
    for item in islice(found(filled, Wanted()), 0, 120, 17):
        again = found(filled, Wanted("EventId", item.record["eventID"]))
        assert [other.record for other in again] == [item.record]


@pytest.mark.parametrize("seed", range(20))
def test_a_range_of_time_holds_exactly_its_events(filled: Desk, seed: int) -> None:
    draw = Random(seed)
    length = filled.now - START
    since = START + length * draw.uniform(-0.1, 1.0)
    until = since + length * draw.uniform(0.0, 0.7)
    everything = [item.record for item in found(filled, Wanted())]
    expected = [
        record["eventID"]
        for record in everything
        if f"{since:%Y-%m-%dT%H:%M:%SZ}" <= record["eventTime"] <= f"{until:%Y-%m-%dT%H:%M:%SZ}"
    ]
    got = [item.record["eventID"] for item in found(filled, Wanted(since=since, until=until))]
    assert got == expected


def test_the_ends_of_a_range_belong_to_it(filled: Desk) -> None:
    times = [item.record["eventTime"] for item in found(filled, Wanted())]
    moment = START + timedelta(0)
    assert times[-1] == f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    assert len(found(filled, Wanted(since=moment, until=moment))) == times.count(times[-1])


def test_pages_together_are_the_whole(filled: Desk) -> None:
    wanted = Wanted("ReadOnly", "false")
    whole = [item.record["eventID"] for item in found(filled, wanted)]
    paged: list[str] = []
    after: Place | None = None
    while page := list(islice(search(filled.trail().layout, wanted, after), 7)):
        paged += [item.record["eventID"] for item in page]
        after = page[-1].place
    assert paged == whole


def test_a_payload_that_is_gone_leaves_the_event(filled: Desk) -> None:
    filled.path("payloads").unlink()
    oldest = found(filled, Wanted())[-1].record
    assert oldest["requestParameters"] is None
    assert oldest["eventName"] in {"CreateBucket", "DeleteBucket", "HeadBucket"}


def test_a_payload_in_anothers_place_is_not_shown_as_the_events(filled: Desk) -> None:
    lines = filled.lines("payloads")
    lines[0], lines[1] = lines[1], lines[0]
    filled.replace(lines, "payloads")
    oldest = found(filled, Wanted())[-1].record
    assert oldest["requestParameters"] is None


def test_a_line_that_cannot_be_read_hides_no_other(filled: Desk) -> None:
    lines = filled.lines()
    lines[2] = b"damaged\n"
    filled.replace(lines)
    assert len(found(filled, Wanted())) == 119


def test_a_search_longer_than_a_window_finds_across_its_borders(
    filled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [item.record["eventID"] for item in found(filled, Wanted("Username", "ada"))]
    for window in (64, 100, 999):
        monkeypatch.setattr("outcrop.governance.audit.reading._WINDOW_BYTES", window)
        got = [item.record["eventID"] for item in found(filled, Wanted("Username", "ada"))]
        assert got == whole
