"""Carries out lifecycle rules: expires objects and versions, moves them to other storage classes, aborts old uploads.

A sweep goes through the buckets that have rules, in small transactions; it keeps no state of its own, so one that is
cut off is taken up by the next. What is deleted is deleted only if it is still what was looked at.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from outcrop.core.times import now_us
from outcrop.services.platform import Platform
from outcrop.services.s3 import lifecycle_rules
from outcrop.services.s3.announcements import LIFECYCLE, announce_for, removed
from outcrop.services.s3.lifecycle_rules import Filter, Rule, filter_of
from outcrop.storage.objects import storage_classes
from outcrop.storage.objects.errors import BucketMissing, ObjectStoreError
from outcrop.storage.objects.records import Condition, Deletion, Doomed, ListedObject, ListedVersion

log = structlog.get_logger("outcrop.services.s3")

INTERVAL_SECONDS = 3600.0
_FIRST_AFTER_SECONDS = 60.0
_PAGE = 500
_BATCH = 100


class LifecycleThread:
    """Sweeps a minute after the start and then every hour.

    Args:
        platform: whose buckets.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lifecycle", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, between two transactions."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause = _FIRST_AFTER_SECONDS
        while not self._stopping.wait(pause):
            pause = INTERVAL_SECONDS
            try:
                sweep(self._platform, self._platform.clock.now(), self._stopping)
            except Exception:  # the next sweep takes up what this one left
                log.exception("lifecycle_sweep_failed")


@dataclass(slots=True)
class Swept:
    """What a sweep did, by counts."""

    deleted: int = 0
    moved: int = 0
    aborted: int = 0


def sweep(platform: Platform, now: datetime, stopping: threading.Event | None = None) -> Swept:
    """Carry out the rules of every bucket as of a moment."""
    swept = Swept()
    for bucket in platform.objects.buckets.list():
        configuration = platform.bucket_configurations.find(bucket.name)
        document = None if configuration is None else configuration.document("lifecycle")
        if not document:
            continue
        rules = list(lifecycle_rules.enabled(document["Rules"]))
        with suppress(BucketMissing):  # deleted meanwhile
            _Sweep(platform, bucket.name, rules, now, swept, stopping).run()
    if swept != Swept():
        log.info("lifecycle_swept", deleted=swept.deleted, moved=swept.moved, aborted=swept.aborted)
    return swept


@dataclass(slots=True)
class _Sweep:
    """One bucket's share of a sweep."""

    platform: Platform
    bucket: str
    rules: Sequence[Rule]
    now: datetime
    swept: Swept
    stopping: threading.Event | None
    _filters: list[tuple[Filter, Rule]] = field(default_factory=list)
    _doomed: list[Doomed] = field(default_factory=list)
    _moves: list[tuple[str, str, str]] = field(default_factory=list)

    def run(self) -> None:
        """Go through objects, then versions, then uploads."""
        self._filters = [(filter_of(rule), rule) for rule in self.rules]
        names = {name for rule in self.rules for name in rule}
        if names & {"Expiration", "Transitions"}:
            for entry in self._objects():
                self._consider(entry)
        self._flush()
        if names & {"Expiration", "NoncurrentVersionExpiration", "NoncurrentVersionTransitions"}:
            self._consider_versions()
        self._flush()
        if "AbortIncompleteMultipartUpload" in names:
            self._abort_uploads()

    def _is_stopping(self) -> bool:
        return self.stopping is not None and self.stopping.is_set()

    def _objects(self) -> Iterator[ListedObject]:
        after: str | None = ""
        while after is not None and not self._is_stopping():
            listing = self.platform.objects.page(self.bucket, after=after, limit=_PAGE)
            yield from listing.entries
            after = listing.next_marker

    def _rules_for(self, key: str, size_bytes: int, version_id: str | None) -> Iterator[Rule]:
        tags: Mapping[str, str] | None = None
        for wanted, rule in self._filters:
            if not key.startswith(wanted.prefix):
                continue
            if wanted.tags and tags is None:
                tags = self._tags(key, version_id)
            if wanted.fits(key, size_bytes, tags or {}):
                yield rule

    def _tags(self, key: str, version_id: str | None) -> Mapping[str, str]:
        try:
            return self.platform.objects.get(self.bucket, key, version_id).tags
        except ObjectStoreError:
            return {}

    def _consider(self, entry: ListedObject) -> None:
        since = entry.last_modified_second
        moves: list[Any] = []
        for rule in self._rules_for(entry.key, entry.size_bytes, None):
            if lifecycle_rules.has_expired(rule, since, self.now):
                self._doom(Doomed(entry.key, condition=Condition(etag=entry.etag, modified=since)))
                return
            if lifecycle_rules.may_move(rule, entry.size_bytes):
                moves += rule.get("Transitions", [])
        wanted = lifecycle_rules.storage_class_by_age(moves, "Days", since, self.now)
        if wanted is not None and lifecycle_rules.is_colder(wanted, entry.storage_class):
            with suppress(ObjectStoreError):
                stored = self.platform.objects.get(self.bucket, entry.key)
                if stored.etag == entry.etag and stored.last_modified_second == since:
                    self._move(entry.key, stored.version_id, wanted)

    def _consider_versions(self) -> None:
        """Look at each version together with the one that took its place."""
        newer: ListedVersion | None = None
        noncurrent = 0
        pending: ListedVersion | None = (
            None  # a marker that is the newest, and perhaps all there is
        )
        for entry in self._versions():
            if newer is None or newer.key != entry.key:
                self._consider_marker(pending)
                noncurrent = 0
                pending = entry if entry.is_marker and entry.is_latest else None
            else:
                pending = None
                self._consider_noncurrent(entry, newer.last_modified_second, noncurrent)
                noncurrent += 1
            newer = entry
        self._consider_marker(pending)

    def _versions(self) -> Iterator[ListedVersion]:
        after, after_version = "", ""
        while not self._is_stopping():
            listing = self.platform.objects.page_of_versions(
                self.bucket, after=after, after_version_id=after_version, limit=_PAGE
            )
            yield from listing.entries
            if listing.next_marker is None:
                return
            after, after_version = listing.entries[-1].key, listing.entries[-1].version_id

    def _consider_noncurrent(self, entry: ListedVersion, since: datetime, newer_ones: int) -> None:
        moves: list[Any] = []
        for rule in self._rules_for(entry.key, entry.size_bytes, entry.version_id):
            action = rule.get("NoncurrentVersionExpiration")
            if (
                action is not None
                and newer_ones >= action.get("NewerNoncurrentVersions", 0)
                and lifecycle_rules.due(since, action["NoncurrentDays"]) <= self.now
            ):
                self._doom_version(entry)
                return
            if lifecycle_rules.may_move(rule, entry.size_bytes):
                moves += [
                    move
                    for move in rule.get("NoncurrentVersionTransitions", [])
                    if newer_ones >= move.get("NewerNoncurrentVersions", 0)
                ]
        wanted = lifecycle_rules.storage_class_by_age(moves, "NoncurrentDays", since, self.now)
        if (
            wanted is not None
            and not entry.is_marker
            and lifecycle_rules.is_colder(wanted, entry.storage_class)
        ):
            self._move(entry.key, entry.version_id, wanted)

    def _consider_marker(self, marker: ListedVersion | None) -> None:
        """Remove a delete marker that hides nothing any more."""
        if marker is None:
            return
        for wanted, rule in self._filters:
            if not marker.key.startswith(wanted.prefix) or wanted.tags:
                continue
            expiration = rule.get("Expiration", {})
            if expiration.get("ExpiredObjectDeleteMarker") or lifecycle_rules.has_expired(
                rule, marker.last_modified_second, self.now
            ):
                self._doom_version(marker)
                return

    def _doom_version(self, entry: ListedVersion) -> None:
        condition = Condition(modified=entry.last_modified_second)
        self._doom(Doomed(entry.key, entry.version_id, condition))

    def _doom(self, doomed: Doomed) -> None:
        self._doomed.append(doomed)
        if len(self._doomed) >= _BATCH:
            self._flush()

    def _move(self, key: str, version_id: str, storage_class: str) -> None:
        self._moves.append((key, version_id, storage_class))
        if len(self._moves) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._doomed:
            # Errors are of what has changed meanwhile, or is locked: it stays.
            results = self.platform.objects.delete(self.bucket, self._doomed)
            at_us = now_us(self.platform.clock)
            happenings = [
                removed(doomed, item, at_us, "Lifecycle Expiration")
                for doomed, item in zip(self._doomed, results, strict=True)
                if isinstance(item, Deletion)
            ]
            announce_for(LIFECYCLE, self.bucket, happenings, self.platform)
            self.swept.deleted += sum(not isinstance(item, ObjectStoreError) for item in results)
            self._doomed = []
        if self._moves:
            with self.platform.database.write(durable=True) as connection:
                for key, version_id, storage_class in self._moves:
                    storage_classes.change(connection, self.bucket, key, version_id, storage_class)
            self.swept.moved += len(self._moves)
            self._moves = []

    def _abort_uploads(self) -> None:
        uploads = self.platform.objects.uploads
        key, upload_id = "", ""
        while not self._is_stopping():
            found = uploads.page(self.bucket, "", key, upload_id, _PAGE)
            for upload in found:
                if self._is_over(upload.key, upload.initiated):
                    uploads.abort(upload)
                    self.swept.aborted += 1
            if len(found) < _PAGE:
                return
            key, upload_id = found[-1].key, found[-1].upload_id

    def _is_over(self, key: str, initiated: datetime) -> bool:
        for wanted, rule in self._filters:
            action = rule.get("AbortIncompleteMultipartUpload")
            if (
                action is not None
                and key.startswith(wanted.prefix)
                and initiated + timedelta(days=action["DaysAfterInitiation"]) <= self.now
            ):
                return True
        return False
