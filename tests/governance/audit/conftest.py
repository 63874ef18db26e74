"""A trail on its own: a clock to turn, seals that hold, and calls to record."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outcrop.aws import service_models
from outcrop.aws.http import HttpRequest
from outcrop.aws.operation import Principal
from outcrop.aws.routing import Route
from outcrop.crypto.sealed import open_bytes, seal_bytes
from outcrop.governance.audit.recorder import RecordedCall, Recorder
from outcrop.governance.audit.retention import Retention
from outcrop.governance.audit.state import State, StateFile
from outcrop.governance.audit.trail import AuditTrail, Pace

ACCOUNT = "123456789012"
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROOT = Principal(
    "Account", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, access_key_id="AKIAROOTROOTROOTROOT"
)


class HeldClock:
    """Tells the time that it is set to."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def turn(self, **by: float) -> None:
        self.moment += timedelta(**by)


class KeySeals:
    """Seals under one key."""

    key = b"k" * 32

    def seal(self, service: str, plaintext: bytes, context: bytes) -> bytes:
        return seal_bytes(self.key, plaintext, service.encode() + context)

    def open(self, service: str, sealed: bytes, context: bytes) -> bytes:
        return open_bytes(self.key, sealed, service.encode() + context)


class Desk:
    """Makes trails in one folder, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HeldClock()
        self.seals = KeySeals()
        self._open: list[AuditTrail] = []

    def trail(self, **options: Any) -> AuditTrail:
        """Open the folder's trail, as a server's start does."""
        options.setdefault("retention", Retention())
        trail = AuditTrail(
            self.folder,
            self.seals,
            self.clock,
            account_id=ACCOUNT,
            region="us-east-1",
            pace=Pace(events=1000, seconds=3600),
            **options,
        )
        self._open.append(trail)
        return trail

    def recorder(self, **options: Any) -> Recorder:
        return Recorder(self.trail(**options), ACCOUNT)

    def state(self) -> State:
        state = StateFile(self.folder / "state.sealed", self.seals).load()
        assert state is not None
        return state

    def write(self, recorder: Recorder, count: int, *, checkpoint: bool = True) -> None:
        """Record some calls, and put them under a checkpoint."""
        for number in range(count):
            recorder.record(
                call("s3", "DeleteObject", {"Bucket": "b", "Key": f"k{number}"}), self.now
            )
        if checkpoint:
            recorder.trail.checkpoint()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def lines(self, name: str = "events", partition: str = "2026-11") -> list[bytes]:
        return self.path(name, partition).read_bytes().splitlines(keepends=True)

    def replace(self, lines: list[bytes], name: str = "events", partition: str = "2026-11") -> None:
        self.path(name, partition).write_bytes(b"".join(lines))

    def path(self, name: str = "events", partition: str = "2026-11") -> Path:
        return self.folder / partition / f"{name}.jsonl"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "audit")


def call(
    service: str, operation: str, parameters: Mapping[str, Any], **options: Any
) -> RecordedCall:
    """Return a call that has ended; options are further members of it."""
    plan = service_models.load(service).operation(operation)
    given: dict[str, Any] = {
        "request": HttpRequest(
            "POST", "/", headers={"user-agent": "tests/1.0"}, client_ip="10.1.2.3"
        ),
        "request_id": "11111111-2222-3333-4444-555555555555",
        "region": "eu-west-1",
        "route": Route(service, operation, {}, plan.protocol, plan),
        "principal": ROOT,
        "parameters": parameters,
        **options,
    }
    return RecordedCall(**given)
