"""What Terraform's AWS provider asked over the life of the examples, asked again."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials

from run_terraform import EXAMPLES
from support.running_server import RunningServer, running_server
from terraform.playback import Playback

RECORDINGS = Path(__file__).parent / "recordings"
SERVICES = {
    "terraform": {"bedrock", "iam", "kms", "s3", "secretsmanager", "sts"},
    "terraform-workflow": {
        "bedrock",
        "events",
        "iam",
        "lambda",
        "logs",
        "s3",
        "ses",
        "sns",
        "states",
        "sts",
    },
}
STEPS = ["apply", "plan", "change", "plan after the change", "plan after the imports", "destroy"]
KEY = "arn:aws:kms:us-east-1:000000000000:key/"
THEN = KEY + "11111111-1111-4111-8111-111111111111"
NOW = KEY + "22222222-2222-4222-8222-222222222222"


@pytest.fixture(
    params=[
        "terraform",
        # Waits for what functions, models and machines take; too long where the machine is busy.
        pytest.param("terraform-workflow", marks=pytest.mark.slow),
    ]
)
def example(request: pytest.FixtureRequest) -> str:
    """Name of an example's folder."""
    name: str = request.param
    return name


@pytest.fixture
def recorded(example: str) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = json.loads((RECORDINGS / f"{example}.json").read_text())
    return calls


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "home") as started:
        yield started


def asked(call: dict[str, Any]) -> str:
    target = call["headers"].get("x-amz-target") or call["body"]
    return f"{call['step']}: {call['method']} {call['path']}?{call['query']} {target}"[:300]


@pytest.fixture
def playback() -> Playback:
    return Playback("http://127.0.0.1:1", Credentials("key", "secret"))


def test_the_provider_is_answered_as_when_it_was_recorded(
    server: RunningServer, recorded: list[dict[str, Any]]
) -> None:
    key = Credentials(server.root_key["access_key_id"], server.root_key["secret_access_key"])
    different = []
    with contextlib.closing(Playback(server.endpoint, key)) as playback:
        for number, call in enumerate(recorded, 1):
            found = playback.play(call)
            if found:
                different.append("\n    ".join([f"call {number}: {asked(call)}", *found]))
    assert different == [], "\n".join(different[:10])


def test_the_recording_holds_the_whole_life_of_the_example(
    example: str, recorded: list[dict[str, Any]]
) -> None:
    steps = list(dict.fromkeys(call["step"] for call in recorded))
    assert [step for step in steps if not step.startswith("import")] == STEPS
    assert {call["service"] for call in recorded} >= SERVICES[example]


def test_every_example_is_recorded() -> None:
    assert {path.stem for path in RECORDINGS.iterdir()} == set(SERVICES) == set(EXAMPLES)


def test_the_recordings_hold_no_secret_key(recorded: list[dict[str, Any]], example: str) -> None:
    text = json.dumps(recorded)
    keys = text.count("<SecretAccessKey>")
    assert (keys > 0) == (example == "terraform")
    assert text.count(f"<SecretAccessKey>{'x' * 40}<") == keys
    # The example keeps the engineer's key as a secret, which is read back.
    assert text.count("x" * 40) >= keys + 2 * (keys > 0)
    assert "Signature=" not in text


@pytest.mark.parametrize(
    ("then", "now", "difference"),
    [
        ({"Enabled": True}, {"Enabled": False}, "Enabled: True was recorded, False came"),
        ({"Days": 1}, {"Days": "1"}, "Days: 1 was recorded, '1' came"),
        ({"A": "x", "B": "y"}, {"A": "x"}, "B was recorded and is missing"),
        ({"A": "x"}, {"A": "x", "B": "y"}, "B is new: 'y'"),
        ({"Arn": THEN}, {"Arn": THEN.replace("kms", "s3")}, "Arn: "),
        ({"CreateDate": "2026-11-21T13:00:00Z"}, {"CreateDate": "today"}, "CreateDate: "),
        ({"VersionId": "abcd"}, {"VersionId": ""}, "VersionId: 'abcd' was recorded, '' came"),
        ({"A": THEN, "B": THEN}, {"A": NOW, "B": NOW.replace("2222-4", "3333-4")}, "B: "),
        ({"A": THEN, "B": KEY + "1" * 8}, {"A": NOW, "B": NOW}, "B: "),
    ],
)
def test_an_answer_that_changed_is_noticed(
    playback: Playback, then: dict[str, Any], now: dict[str, Any], difference: str
) -> None:
    found = playback.differences(then, now)
    assert len(found) == 1
    assert found[0].startswith(difference)


def test_what_the_server_drew_is_put_into_later_requests(playback: Playback) -> None:
    assert playback.differences({"Arn": THEN}, {"Arn": NOW}) == []
    assert playback.renewed(f"KeyId={THEN}") == f"KeyId={NOW}"
    assert playback.differences({"KeyId": THEN}, {"KeyId": NOW}) == []
