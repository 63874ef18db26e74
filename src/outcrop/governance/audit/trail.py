"""The writer: appends events to the month's partition, and ends epochs with signed checkpoints.

An event is in its file (written, though not flushed to the disk) when `append` returns, so it survives the death of
the process. Checkpoints flush, sign and forget; they are made by a thread of the trail's own, every few thousand
events or seconds, and nobody waits for them.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from outcrop.core.clock import Clock
from outcrop.core.errors import HomeError, OutcropError
from outcrop.core.ids import request_id
from outcrop.governance.audit import retention as retiring
from outcrop.governance.audit.chain import ChainKey, Secret, line_of
from outcrop.governance.audit.layout import (
    Layout,
    append_durably,
    end_of,
    moment_of,
    partition_of,
    time_text,
)
from outcrop.governance.audit.recovery import Epoch, Findings, after_written_link, recover
from outcrop.governance.audit.retention import Retention
from outcrop.governance.audit.state import Seals, State, StateFile
from outcrop.governance.audit.statements import Checkpoint, Link, read_statements, signed_line

log = structlog.get_logger("outcrop.audit")

_SELF = "cloudtrail.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Pace:
    """When an epoch ends: after so many events, or so many seconds with any."""

    events: int = 4096
    seconds: float = 10.0


@dataclass(slots=True)
class Times:
    """What is told of the trail to those who ask.

    Attributes:
        started: when its first partition was opened.
        checkpointed: when the last checkpoint was made by this process.
    """

    started: datetime
    checkpointed: datetime | None = None


class AuditTrail:
    """One trail, owned by one process.

    Args:
        folder: its files; made where there is none.
        seals: seal the secrets under the root of trust.
        clock: tells when events happened.
        account_id: whose calls are recorded.
        region: of events that the trail itself makes.
        retention: what is kept how long.
        pace: of checkpoints.

    Attributes:
        times: since when it records, and when it was last signed.

    Raises:
        HomeError: the trail's secrets are lost or do not open.
    """

    # Of the open epoch and its files; all but the first change under `_lock` alone.
    _state: State
    _epoch: Epoch
    _chain_key: ChainKey
    _last: int
    _head: bytes
    _open_events: int
    _event_bytes: int
    _payload_bytes: int
    _ends_at: int

    def __init__(  # noqa: PLR0913  # the composition root names each of them
        self,
        folder: Path,
        seals: Seals,
        clock: Clock,
        *,
        account_id: str,
        region: str,
        retention: Retention | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.layout = Layout(folder)
        self._state_file = StateFile(self.layout.state, seals)
        self._clock = clock
        self._account_id = account_id
        self._region = region
        self._retention = retention or Retention()
        self._pace = pace or Pace()
        self._lock = threading.Lock()  # held for each append
        self._closing = threading.RLock()  # held while epochs end; taken before `_lock`
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._retired_in = ""
        self._second = 0
        self._time = b""
        self._events = self._payloads = -1
        self._ended: list[Epoch] = []
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        retiring.clear_leftovers(self.layout)
        self.times = Times(clock.now())
        self._take_up()

    # -- writing ---------------------------------------------------------------------------------

    def append(self, event: bytes, payload: bytes, moment: datetime) -> None:
        """Write an event; it is in its file when this returns.

        Args:
            event: CloudTrail's record as JSON, without requestParameters and responseElements and without its
                eventTime, which is set here so that times never go back within the trail.
            payload: JSON object with those two, its first member the event's id; b"" for none.
            moment: the present.

        Raises:
            OSError: it could not be written; nothing of it remains.
        """
        second = int(moment.timestamp())
        if second >= self._ends_at:
            self._roll(moment)
        with self._lock:
            if second > self._second:
                self._second = second
                self._time = time_text(moment).encode()
            sequence = self._last + 1
            digest = b""
            if payload:
                digest = self._chain_key.payload_digest(payload)
                digest = b',"payload":"%s","at":%d' % (digest, self._payload_bytes)
            body = b'{"seq":%d%s,"event":{"eventTime":"%s",%s}' % (
                sequence,
                digest,
                self._time,
                event[1:],
            )
            tag = self._chain_key.tag(self._head, body)
            # Payload first: an event never refers to a payload that is not there.
            if payload:
                _write(self._payloads, payload + b"\n", self._payload_bytes)
            try:
                line = line_of(tag, body)
                _write(self._events, line, self._event_bytes)
            except OSError:
                if payload:
                    os.ftruncate(self._payloads, self._payload_bytes)
                raise
            if payload:
                self._payload_bytes += len(payload) + 1
            self._event_bytes += len(line)
            self._last = sequence
            self._head = tag
            self._open_events += 1
            if self._open_events == self._pace.events:
                self._wake.set()

    def append_own(self, name: str, details: Mapping[str, Any]) -> None:
        """Write an event about the trail itself, in CloudTrail's form for events of a service."""
        event = {
            "eventVersion": "1.11",
            "userIdentity": {"accountId": self._account_id, "invokedBy": _SELF},
            "eventSource": _SELF,
            "eventName": name,
            "awsRegion": self._region,
            "sourceIPAddress": _SELF,
            "userAgent": _SELF,
            "eventID": request_id(),
            "readOnly": False,
            "eventType": "AwsServiceEvent",
            "managementEvent": True,
            "recipientAccountId": self._account_id,
            "serviceEventDetails": dict(details),
            "eventCategory": "Management",
        }
        self.append(orjson.dumps(event), b"", self._clock.now())

    # -- checkpoints -----------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Flush what is written, sign it, and forget the secrets it was written with.

        Raises:
            OSError: the disk refuses; the next call tries again, and nothing is lost meanwhile.
        """
        with self._closing:
            with self._lock:
                self._end_epoch()
            self._seal_ended()

    def _end_epoch(self) -> None:
        """End the open epoch, if it has events; costs a few hashes. Needs `_lock`."""
        if self._last < self._epoch.first:
            return
        ended = replace(self._epoch, last=self._last, head=self._head)
        self._ended.append(ended)
        self._begin_epoch(ended.following())

    def _begin_epoch(self, epoch: Epoch) -> None:
        self._epoch = epoch
        self._chain_key = epoch.secret.chain_key
        self._last = epoch.last
        self._head = epoch.head
        self._open_events = epoch.last + 1 - epoch.first

    def _seal_ended(self) -> None:
        """Write the checkpoints of the epochs that have ended. Needs `_closing`."""
        while self._ended:
            os.fsync(self._payloads)
            os.fsync(self._events)
            epoch = self._ended[0]
            statement = Checkpoint(
                partition=epoch.partition,
                number=epoch.number,
                first=epoch.first,
                last=epoch.last,
                previous=epoch.previous.decode(),
                head=epoch.head.decode(),
                key=epoch.secret.chain_key_bytes.hex(),
                next_signer=epoch.secret.next().public_key,
                time=time_text(self._clock.now()),
            )
            append_durably(
                self.layout.checkpoints(epoch.partition), signed_line(statement, epoch.secret)
            )
            self._state = self._state.after_checkpoint(epoch.last, statement.head)
            self._state_file.save(self._state)
            self.times.checkpointed = self._clock.now()
            self._ended.pop(0)

    # -- partitions ------------------------------------------------------------------------------

    def _take_up(self) -> None:
        """Go on where the last process stopped, however it did."""
        findings = Findings()
        state = self._state_file.load()
        if state is None:
            if self.layout.links.exists():
                raise HomeError(
                    f"{self.layout.state} is gone, so the audit trail cannot go on: restore it, or move "
                    f"{self.layout.folder} away to begin a new trail."
                )
            state = State.initial(Secret(os.urandom(32)))
            self._state_file.save(state)
        self._export_key(state, findings)
        state = after_written_link(self.layout, state, findings)
        if not state.partition:
            state = self._open_partition(state, self._clock.now())
        self.times.started = self._beginning()
        recovered = recover(self.layout, state, findings)
        self._state = recovered.state
        self._state_file.save(self._state)
        self._ended = recovered.ended
        self._begin_epoch(recovered.epoch)
        self._open_files()
        self._second = recovered.second
        self._time = time_text(datetime.fromtimestamp(recovered.second, UTC)).encode()
        self._tell(findings)

    def _beginning(self) -> datetime:
        first = next(read_statements(self.layout.links), None)
        link = None if first is None else first.read(Link)
        if link is None:
            return self._clock.now()
        return moment_of(link.time)

    def _tell(self, findings: Findings) -> None:
        if findings.damage:
            log.error("audit_trail_damaged", findings=findings.damage)
            self.append_own("FindAuditTrailDamaged", {"findings": findings.damage})
        if findings.mended:
            log.warning("audit_trail_mended", bytes_dropped=findings.mended)
            self.append_own("MendAuditTrail", {"bytesDropped": findings.mended})
        if findings.damage or findings.mended:
            self.checkpoint()

    def _export_key(self, state: State, findings: Findings) -> None:
        """Write the public key with which all verification begins, where it does not lie there."""
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(state.anchor))
        text = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        path = self.layout.public_key
        found = path.read_bytes() if path.exists() else b""
        if found != text:
            if state.link >= 0:
                findings.damage.append("public-key.pem was not the trail's")
            path.write_bytes(text)

    def _open_partition(self, state: State, moment: datetime) -> State:
        """Sign the link to a month's partition and return the state behind it."""
        partition = partition_of(moment)
        secret = state.next_link_secret
        (self.layout.folder / partition).mkdir(mode=0o700, exist_ok=True)
        link = Link(
            number=state.link + 1,
            partition=partition,
            first=state.sequence + 1,
            previous=state.head,
            signer=secret.of_partition().public_key,
            next_signer=secret.next().public_key,
            account_id=self._account_id,
            time=time_text(moment),
        )
        append_durably(self.layout.links, signed_line(link, secret))
        state = state.after_link(partition)
        self._state_file.save(state)
        return state

    def _roll(self, moment: datetime) -> None:
        """Close the month that has ended and open the present one."""
        with self._closing, self._lock:
            if int(moment.timestamp()) < self._ends_at:
                return
            self._end_epoch()
            self._seal_ended()
            self._state = self._open_partition(self._state, moment)
            self._close_files()
            self._begin_epoch(Epoch.opened(self._state))
            self._open_files()

    def _open_files(self) -> None:
        partition = self._state.partition
        folder = self.layout.folder / partition
        folder.mkdir(mode=0o700, exist_ok=True)
        self._events = _open(self.layout.events(partition))
        self._payloads = _open(self.layout.payloads(partition))
        self._event_bytes = os.fstat(self._events).st_size
        self._payload_bytes = os.fstat(self._payloads).st_size
        self._ends_at = int(end_of(partition).timestamp())

    def _close_files(self) -> None:
        for descriptor in (self._events, self._payloads):
            os.close(descriptor)

    def retire(self) -> None:
        """Remove the months that retention no longer keeps; each removal is an event first."""
        for removal in list(retiring.due(self.layout, self._retention, self._state.partition)):
            self.append_own(retiring.REMOVAL_EVENT, removal.details)
            self.checkpoint()
            retiring.carry_out(self.layout, removal)
            log.info("audit_partition_removed", **removal.details)

    # -- the thread ------------------------------------------------------------------------------

    def start(self) -> None:
        """Make checkpoints, and remove what is old, in a thread from now on."""
        self._thread = threading.Thread(target=self._work, name="audit-checkpoints", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._stopping:
            try:
                self.checkpoint()
                if self._retired_in != self._state.partition:
                    self.retire()
                    self._retired_in = self._state.partition
            except (OSError, OutcropError):
                log.exception("audit_checkpoint_failed", hint="it is tried again in a moment")
            self._wake.wait(self._pace.seconds)
            self._wake.clear()

    def close(self) -> None:
        """Make the last checkpoint; nothing can be written afterwards."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self.checkpoint()
        self._close_files()


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _write(descriptor: int, content: bytes, size_before: int) -> None:
    """Append to a file all of the content or nothing."""
    written = os.write(descriptor, content)
    try:
        while written < len(content):
            written += os.write(descriptor, content[written:])
    except OSError:
        os.ftruncate(descriptor, size_before)
        raise
