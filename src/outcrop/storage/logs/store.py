"""The log store: events in from anywhere, at once and for good; events out in order of their times.

Events are kept in a journal first. A thread carries them on a second later, a whole journal file at a time, to the
files of their streams; whoever reads has that done at once, so nothing that was given is missed.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import structlog
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from outcrop.core.clock import Clock
from outcrop.core.errors import OutcropError
from outcrop.core.times import now_us
from outcrop.storage.database.engine import Database
from outcrop.storage.logs import rows
from outcrop.storage.logs.rows import GroupKey, GroupRow, StreamRow
from outcrop.storage.logs.segments import Event, Place, SegmentFiles, Span
from outcrop.storage.sealed_journal import Batch, SealedJournal
from outcrop.storage.service_keys import DataKey, ServiceKeys

SERVICE = "logs"
_PAUSE_SECONDS = 1.0
_CARRY_AT_BYTES = 4 << 20
_SWEEP_SECONDS = 3600.0
_KEY_SECONDS = 300.0  # a KMS key that was disabled closes its groups after this long
_DAY_MS = 86_400_000
_MOST_KEYS = 4096

log = structlog.get_logger("outcrop.storage.logs")

Unlock = Callable[[GroupRow, GroupKey], bytes]
Watch = Callable[[GroupRow, Sequence[Event]], None]


class KeyWithheld(OutcropError):
    """A group's KMS key cannot be used, so its events can neither be read nor taken."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Events as the journal keeps them."""

    region: str
    group: str
    stream: str
    ingested_ms: int
    create: bool
    events: Sequence[tuple[int, str]]


class LogStore:
    """Groups, streams and events of every region.

    Args:
        folder: of journals and segments; made at first use.
        database: holds groups and streams.
        service_keys: seal what lies in the folder.
        clock: tells when events came in.

    Attributes:
        unlock: opens a group's key where a KMS key wraps it; raises KeyWithheld. Set once, at start.
        watch: is told of all events once they are in their files, in order; set once, at start.
    """

    def __init__(
        self, folder: Path, database: Database, service_keys: ServiceKeys, clock: Clock
    ) -> None:
        self.unlock: Unlock = _no_kms
        self.watch: Watch | None = None
        self._database = database
        self._service_keys = service_keys
        self._clock = clock
        self._files = SegmentFiles(folder / "events")
        self._wake = threading.Event()
        self._full = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._thread_lock = threading.Lock()
        self._carrying = threading.Lock()
        self._keys: dict[tuple[str, int], tuple[float, bytes]] = {}
        self._journal = SealedJournal(folder / "journal", service_keys, SERVICE, self._rouse)

    # -- taking ----------------------------------------------------------------------------------

    def append(
        self,
        region: str,
        group: str,
        stream: str,
        events: Sequence[tuple[int, str]],
        *,
        create: bool = True,
    ) -> None:
        """Take events; they survive the death of the process from here on.

        From any thread, the event loop's included, also inside a write block of the database: it costs
        microseconds and touches no row. Reading sees them at once. The stream is made where it is missing.

        Args:
            region: such as "us-east-1".
            group: name, such as "/aws/lambda/scorer".
            stream: name.
            events: (milliseconds since the epoch, message), in any order.
            create: make the group, too, where it is missing; else what has no group is dropped.

        Raises:
            OSError: the disk takes no more.
        """
        if not events:
            return
        ingested_ms = now_us(self._clock) // 1000
        entry = [region, group, stream, ingested_ms, create, events]
        try:
            record = orjson.dumps(entry)
        except orjson.JSONEncodeError:  # half of a surrogate pair, which UTF-8 cannot say
            entry[5] = [(moment, _sayable(text)) for moment, text in events]
            record = orjson.dumps(entry)
        self._journal.append(record)
        if self._journal.size_bytes > _CARRY_AT_BYTES:
            self._full.set()

    def sync(self) -> None:
        """Have what was given so far survive a power failure too; blocks for a flush of the disk."""
        self._journal.sync()

    def settle(self) -> None:
        """Carry what was given to its streams now; blocks, not on the event loop.

        Raises:
            OSError: the disk takes no more; nothing is lost.
        """
        if self._journal.is_empty:
            return
        with self._carrying:
            while (batch := self._journal.take()) is not None:
                self._carry(batch)
                self._journal.finish(batch)

    @property
    def is_settled(self) -> bool:
        """Whether everything that was given lies where it is read."""
        return self._journal.is_empty

    # -- reading ---------------------------------------------------------------------------------

    def events(
        self, group: GroupRow, stream: StreamRow, span: Span, *, newest_first: bool = False
    ) -> Iterator[Event]:
        """Yield a stream's events in order of their times; blocks.

        Raises:
            KeyWithheld: the group's KMS key cannot be used.
            SealBroken: a file was changed.
        """
        with self._database.read() as connection:
            keys = rows.keys(connection, group)
        place = Place(group.id, stream.id)
        oldest = self._oldest_kept_ms(group)
        kept = Span(max(span.first_ms, oldest), span.last_ms)
        return self._files.read(
            place, lambda number: self._key(group, keys[number]), kept, newest_first=newest_first
        )

    # -- groups and streams ----------------------------------------------------------------------

    def new_group(self, region: str, name: str, group_class: str = rows.STANDARD) -> GroupRow:
        """Return the row of a new group under the service's own key; it is not written."""
        group_id = uuid.uuid4().hex
        return GroupRow(
            id=group_id,
            region=region,
            name=name,
            group_class=group_class,
            created_us=now_us(self._clock),
            retention_days=None,
            is_protected=False,
            wrapped_key=self.own_key(group_id).wrapped,
            kms_key_arn=None,
            policy=None,
            policy_changed_us=None,
        )

    def own_key(self, group_id: str) -> DataKey:
        """Return a new data key for a group, under the service's own key."""
        return self._service_keys.new_data_key(SERVICE, _key_context(group_id))

    def check_key(self, group: GroupRow) -> None:
        """Return if a group's present key can be used; blocks.

        Raises:
            KeyWithheld: its KMS key cannot be used.
        """
        if group.kms_key_arn is not None:
            with self._database.read() as connection:
                present = rows.keys(connection, group)[-1]
            self._key(group, present)

    def remove_group_files(self, group_id: str) -> None:
        """Remove the events of a group whose row is gone."""
        self._files.remove_group(group_id)

    def remove_stream_files(self, stream: StreamRow) -> None:
        """Remove the events of a stream whose row is gone."""
        self._files.remove_stream(Place(stream.group_id, stream.id))

    # -- the thread ------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up what the last process left; a thread is started only if there is anything to do."""
        with self._database.read() as connection:
            known = {group.id: group for group in rows.all_groups(connection)}
        for group_id in self._files.group_ids():
            if group_id not in known:
                self._files.remove_group(group_id)
        is_due = any(group.retention_days for group in known.values())
        if is_due or not self._journal.is_empty:
            self._rouse()

    def close(self) -> None:
        """Carry on what can be, and stop."""
        self._stopping.set()
        self._full.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self.settle()
        except (OSError, OutcropError, SQLAlchemyError):
            log.exception("logs_not_settled", hint="they are taken up at the next start")
        self._journal.close()

    def expect_expiry(self) -> None:
        """Look for files past their retention from now on."""
        self._rouse()

    def sweep(self) -> int:
        """Remove files that hold nothing but events past their group's retention; return the bytes freed."""
        freed = 0
        with self._database.read() as connection:
            groups = [group for group in rows.all_groups(connection) if group.retention_days]
        for group in groups:
            with self._database.read() as connection:
                streams = rows.streams(connection, group.id)
            for stream in streams:
                with self._carrying:
                    size = self._files.expire(
                        Place(group.id, stream.id), self._oldest_kept_ms(group)
                    )
                    if size:
                        freed += size
                        with self._database.write() as connection:
                            rows.lessen(connection, stream, size)
        return freed

    def _rouse(self) -> None:
        self._wake.set()
        if self._thread is not None or self._stopping.is_set():
            return
        with self._thread_lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="logs", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        swept = 0.0
        while True:
            self._wake.wait(_SWEEP_SECONDS)
            self._wake.clear()
            # What comes in quick succession is carried on together.
            self._full.wait(_PAUSE_SECONDS)
            if self._stopping.is_set():
                return
            self._full.clear()
            try:
                self.settle()
                if not swept or time.monotonic() - swept > _SWEEP_SECONDS:
                    self.sweep()
                    swept = time.monotonic()
            except (OSError, OutcropError, SQLAlchemyError):
                log.exception("logs_not_carried_on", hint="it is tried again in a moment")
                self._wake.set()

    # -- carrying on -----------------------------------------------------------------------------

    def _carry(self, batch: Batch) -> None:
        by_stream: dict[tuple[str, str, str], list[Entry]] = {}
        for record in batch.records:
            entry = Entry(*orjson.loads(record))
            by_stream.setdefault((entry.region, entry.group, entry.stream), []).append(entry)
        changed: list[StreamRow] = []
        watched: list[tuple[GroupRow, list[Event]]] = []
        for (region, group_name, stream_name), entries in by_stream.items():
            found = self._find_or_make(region, group_name, stream_name, entries)
            if found is None:
                log.warning("log_events_without_group", group=group_name, region=region)
                continue
            group, stream = found
            if batch.is_repeated:
                self._files.drop_tail(Place(group.id, stream.id), batch.number)
                if stream.batch == batch.number:
                    stream = self._taken_back(stream, entries)
            try:
                changed.append(self._write(group, stream, batch, entries, watched))
            except KeyWithheld as error:
                log.warning("log_events_refused", group=group_name, reason=str(error))
        # For good, since the journal's file goes next.
        with self._database.write(durable=True) as connection:
            rows.note_events(connection, changed)
        if self.watch is not None:
            for group, events in watched:
                self.watch(group, events)

    def _write(
        self,
        group: GroupRow,
        stream: StreamRow,
        batch: Batch,
        entries: list[Entry],
        watched: list[tuple[GroupRow, list[Event]]],
    ) -> StreamRow:
        with self._database.read() as connection:
            key = rows.keys(connection, group)[-1]
        events: list[Event] = []
        for entry in entries:
            for moment, message in entry.events:
                sequence = stream.next_sequence + len(events)
                events.append(Event(moment, sequence, entry.ingested_ms, message))
        watched.append((group, events))
        ordered = sorted(events)
        place = Place(group.id, stream.id)
        size = self._files.append(place, batch.number, key.number, self._key(group, key), ordered)
        return rows.with_events(
            stream,
            batch.number,
            len(events),
            ordered[0].timestamp_ms,
            ordered[-1].timestamp_ms,
            max(entry.ingested_ms for entry in entries),
            size,
        )

    def _taken_back(self, stream: StreamRow, entries: list[Entry]) -> StreamRow:
        """Return a stream's row as if it did not tell of the batch that is carried on again."""
        count = sum(len(entry.events) for entry in entries)
        blocks = self._files.blocks(Place(stream.group_id, stream.id), Span(0, 1 << 62))
        return rows.before_batch(stream, count, sum(block.length for block in blocks))

    def _find_or_make(
        self, region: str, group_name: str, stream_name: str, entries: list[Entry]
    ) -> tuple[GroupRow, StreamRow] | None:
        with self._database.read() as connection:
            group = rows.find_group(connection, region, group_name)
            stream = None if group is None else rows.find_stream(connection, group.id, stream_name)
        if group is not None and stream is not None:
            return group, stream
        if group is None and not any(entry.create for entry in entries):
            return None
        try:
            with self._database.write(durable=True) as connection:
                if group is None:
                    group = self.new_group(region, group_name)
                    rows.insert_group(connection, group)
                return group, rows.insert_stream(
                    connection, group.id, stream_name, now_us(self._clock)
                )
        except IntegrityError:  # somebody made it meanwhile, or removed its group
            return self._find_or_make(region, group_name, stream_name, entries)

    def _key(self, group: GroupRow, key: GroupKey) -> bytes:
        known = self._keys.get((group.id, key.number))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        if key.kms_key_arn is None:
            plain = self._service_keys.unwrap(SERVICE, key.wrapped, _key_context(group.id))
            until = float("inf")
        else:
            plain = self.unlock(group, key)
            until = time.monotonic() + _KEY_SECONDS
        if len(self._keys) > _MOST_KEYS:
            self._keys.clear()
        self._keys[group.id, key.number] = until, plain
        return plain

    def forget_keys(self, group_id: str) -> None:
        """Ask for a group's keys again when they are needed next."""
        for known in [known for known in self._keys if known[0] == group_id]:
            self._keys.pop(known, None)

    def _oldest_kept_ms(self, group: GroupRow) -> int:
        if not group.retention_days:
            return 0
        return now_us(self._clock) // 1000 - group.retention_days * _DAY_MS


def _no_kms(group: GroupRow, _key: GroupKey) -> bytes:
    raise KeyWithheld(f"the KMS key of the log group {group.name} cannot be asked for")


def _key_context(group_id: str) -> bytes:
    return f"group/{group_id}".encode()


def _sayable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
