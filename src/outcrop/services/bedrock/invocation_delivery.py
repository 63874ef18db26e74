"""Delivery of the invocation log: from the journal to buckets and log groups, in batches, by a thread of its own.

A journal file is removed once everything in it has arrived. What a destination refuses is tried again for a day, with
longer and longer pauses; other destinations do not wait for it. Objects of a file have names that follow from it, so
that one written twice is there once.
"""

import gzip
import hashlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError

from outcrop.aws.errors import ServiceError
from outcrop.core.errors import OutcropError
from outcrop.services.bedrock.invocation_logging import (
    STREAM,
    assume,
    folder_of,
    service_principal,
)
from outcrop.services.platform import Platform

_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 300.0
_GIVE_UP_SECONDS = 86_400.0
_LARGE_BYTES = 100 * 1024
_LARGEST_EVENT_BYTES = 1_000_000
_EVENT_OVERHEAD_BYTES = 26
_MOST_EVENTS = 10_000
_JSON = "application/json"
_METRIC_DIMENSIONS = {"ModelId": "Across all model IDs"}
_S3 = "ModelInvocationLogsS3Delivery"
_CLOUD_WATCH = "ModelInvocationLogsCloudWatchDelivery"
_LARGE = "ModelInvocationLargeDataS3Delivery"

log = structlog.get_logger("outcrop.bedrock.invocations")


@dataclass(slots=True)
class _Trial:
    """What became of a journal file so far.

    Attributes:
        done: destinations that have it.
        due: when it is tried again, by the monotonic clock.
    """

    done: set[str] = field(default_factory=set)
    attempts: int = 0
    due: float = 0.0


@dataclass(frozen=True, slots=True)
class _Lot:
    """Records of a journal file that go to the same places.

    Attributes:
        number: of the file.
    """

    number: int
    region: str
    config: Mapping[str, Any]
    records: Sequence[dict[str, Any]]

    @property
    def key(self) -> str:
        """What tells the lot apart from the file's others."""
        text = orjson.dumps([self.region, self.config], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(text).hexdigest()[:16]


class InvocationDelivery:
    """Delivers what the invocation log holds.

    Args:
        platform: whose log it is; its loop must run while anything is delivered.
        pause_seconds: what comes within so much time is delivered together.
    """

    def __init__(self, platform: Platform, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self._platform = platform
        self._pause_seconds = pause_seconds
        self._trials: dict[int, _Trial] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._delivering = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Deliver in a moment; starts the thread where it does not run yet."""
        self._wake.set()
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(
                    target=self._work, name="invocation-delivery", daemon=True
                )
                self._thread.start()

    def start(self) -> None:
        """Take up what the last process left."""
        if not self._platform.invocation_log.journal.is_empty:
            self.wake()

    def close(self) -> None:
        """Deliver what can be at once, and stop; blocks, not on the event loop."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self.deliver()
        self._platform.invocation_log.journal.close()

    def deliver(self) -> bool:
        """Deliver everything that is due; return whether nothing is left.

        Blocks, not on the event loop.
        """
        journal = self._platform.invocation_log.journal
        with self._delivering:
            for number in journal.waiting():
                trial = self._trials.setdefault(number, _Trial())
                if trial.due > time.monotonic():
                    continue
                batch = journal.read(number)
                if self._deliver_all(number, batch.records, trial) or _is_too_old(number):
                    journal.finish(batch)
                    del self._trials[number]
                    continue
                trial.attempts += 1
                pause = min(self._pause_seconds * 2**trial.attempts, _LONGEST_PAUSE_SECONDS)
                trial.due = time.monotonic() + pause
        return not self._trials

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stopping.wait(self._pause_seconds):
                return
            try:
                is_done = self.deliver()
            except (OSError, OutcropError, SQLAlchemyError, ServiceError):
                log.exception("invocations_not_delivered", hint="it is tried again in a moment")
                is_done = False
            if not is_done:
                self._wake.set()

    def _deliver_all(self, number: int, records: Sequence[bytes], trial: _Trial) -> bool:
        """Return whether every destination has its part of a file."""
        complete = True
        for lot in _lots(number, records):
            if lot.config.get("s3Config"):
                complete &= self._once(f"s3/{lot.key}", trial, lot, self._to_bucket, _S3)
            if lot.config.get("cloudWatchConfig"):
                complete &= self._once(
                    f"logs/{lot.key}", trial, lot, self._to_log_group, _CLOUD_WATCH
                )
        return complete

    def _once(self, name: str, trial: _Trial, lot: _Lot, deliver: Any, metric: str) -> bool:
        if name in trial.done:
            return True
        outcome = "Success"
        try:
            deliver(lot)
        except (ServiceError, OutcropError) as error:
            outcome = "Failure"
            log.warning(
                "invocations_not_delivered",
                destination=name.partition("/")[0],
                region=lot.region,
                reason=str(error),
            )
        self._count(metric + outcome, lot.region)
        if outcome == "Success":
            trial.done.add(name)
        return outcome == "Success"

    # -- to a bucket -----------------------------------------------------------------------------

    def _to_bucket(self, lot: _Lot) -> None:
        config = lot.config["s3Config"]
        for hour, records in _by_hour(lot.records):
            folder = f"{self._folder(config, lot.region)}/{hour}"
            lines = [
                orjson.dumps(self._outsourced(record, config, folder, lot.region))
                for record in records
            ]
            name = f"{_name_time(lot.number)}_{_digest(lot, hour)}.json.gz"
            self._put(config, f"{folder}/{name}", b"\n".join(lines) + b"\n", lot.region)

    def _outsourced(
        self, record: Mapping[str, Any], config: Mapping[str, Any], folder: str, region: str
    ) -> dict[str, Any]:
        """Return a record whose large bodies are objects of their own, after writing those."""
        slim = dict(record)
        for part in ("input", "output"):
            member = f"{part}BodyJson"
            holder = slim.get(part)
            if not holder or member not in holder:
                continue
            body = orjson.dumps(holder[member])
            if len(body) <= _LARGE_BYTES:
                continue
            key = f"{folder}/data/{record['requestId']}_{part}.json.gz"
            self._put(config, key, body, region)
            self._count(f"{_LARGE}Success", region)
            holder = {name: value for name, value in holder.items() if name != member}
            holder[f"{part}BodyS3Path"] = f"s3://{config['bucketName']}/{key}"
            slim[part] = holder
        return slim

    def _put(self, config: Mapping[str, Any], key: str, content: bytes, region: str) -> None:
        platform = self._platform
        platform.invoke_blocking(
            "s3",
            "PutObject",
            {
                "Bucket": config["bucketName"],
                "Key": key,
                # No time of day in it: the same records make the same object.
                "Body": gzip.compress(content, 6, mtime=0),
                "ContentType": _JSON,
                "ContentEncoding": "gzip",
                "ExpectedBucketOwner": platform.account_id,
            },
            principal=service_principal(platform.account_id, region),
            region=region,
        )

    def _folder(self, config: Mapping[str, Any], region: str) -> str:
        return folder_of(config, self._platform.account_id, region)

    # -- to a log group --------------------------------------------------------------------------

    def _to_log_group(self, lot: _Lot) -> None:
        config = lot.config["cloudWatchConfig"]
        principal = assume(config["roleArn"], self._platform, lot.region)
        named = {"logGroupName": config["logGroupName"], "logStreamName": STREAM}

        def ask(operation: str, **request: Any) -> None:
            self._platform.invoke_blocking(
                "logs", operation, {**named, **request}, principal=principal, region=lot.region
            )

        events = sorted(
            (self._event(record, config, lot.region) for record in lot.records),
            key=lambda event: event["timestamp"],
        )
        for part in _batches(events):
            try:
                ask("PutLogEvents", logEvents=part)
            except ServiceError as error:
                if error.code != "ResourceNotFoundException":
                    raise
                ask("CreateLogStream")
                ask("PutLogEvents", logEvents=part)

    def _event(
        self, record: Mapping[str, Any], config: Mapping[str, Any], region: str
    ) -> dict[str, Any]:
        """Return the event of a record; large bodies go to the bucket for them, or are left out without one."""
        if large := config.get("largeDataDeliveryS3Config"):
            hour = _hour_of(record)
            record = self._outsourced(
                record, large, f"{self._folder(large, region)}/{hour}", region
            )
        else:
            record = _without_large_bodies(record)
        return {
            "timestamp": int(_moment_of(record).timestamp() * 1000),
            "message": orjson.dumps(record).decode(),
        }

    def _count(self, name: str, region: str) -> None:
        self._platform.metrics.count("AWS/Bedrock", name, _METRIC_DIMENSIONS, region=region)


def _lots(number: int, records: Sequence[bytes]) -> Iterator[_Lot]:
    found: dict[bytes, _Lot] = {}
    for entry in records:
        parsed = orjson.loads(entry)
        record, config = parsed["record"], parsed["config"]
        key = orjson.dumps([record["region"], config])
        lot = found.setdefault(key, _Lot(number, record["region"], config, []))
        assert isinstance(lot.records, list)
        lot.records.append(record)
    yield from found.values()


def _without_large_bodies(record: Mapping[str, Any]) -> dict[str, Any]:
    slim = dict(record)
    for part in ("input", "output"):
        member = f"{part}BodyJson"
        holder = slim.get(part)
        if holder and member in holder and len(orjson.dumps(holder[member])) > _LARGE_BYTES:
            slim[part] = {name: value for name, value in holder.items() if name != member}
    return slim


def _by_hour(
    records: Sequence[dict[str, Any]],
) -> Iterator[tuple[str, Sequence[dict[str, Any]]]]:
    hours: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        hours.setdefault(_hour_of(record), []).append(record)
    yield from hours.items()


def _hour_of(record: Mapping[str, Any]) -> str:
    return _moment_of(record).strftime("%Y/%m/%d/%H")


def _moment_of(record: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(record["timestamp"])


def _name_time(number: int) -> str:
    # Numbers of journal files are nanoseconds since the epoch.
    moment = datetime.fromtimestamp(number / 1e9, UTC)
    return f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03d}Z"


def _digest(lot: _Lot, hour: str) -> str:
    return hashlib.sha256(f"{lot.number}/{lot.key}/{hour}".encode()).hexdigest()[:16]


def _batches(events: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield events in as many as PutLogEvents takes at once."""
    part: list[dict[str, Any]] = []
    size = 0
    for event in events:
        own = len(event["message"].encode()) + _EVENT_OVERHEAD_BYTES
        if part and (size + own > _LARGEST_EVENT_BYTES or len(part) == _MOST_EVENTS):
            yield part
            part, size = [], 0
        part.append(event)
        size += own
    if part:
        yield part


def _is_too_old(number: int) -> bool:
    if time.time() - number / 1e9 < _GIVE_UP_SECONDS:
        return False
    log.error("invocations_given_up", hint="their destination refused them for a day")
    return True
