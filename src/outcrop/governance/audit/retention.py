"""How long events and their payloads are kept: whole months are removed, and the removal is itself an event."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from outcrop.governance.audit.layout import Layout, months_between
from outcrop.governance.audit.statements import Checkpoint, last_of

REMOVAL_EVENT = "RemoveAuditPartition"


@dataclass(frozen=True, slots=True)
class Retention:
    """How many full months are kept besides the present one; 0 keeps everything.

    Attributes:
        months: of events.
        payload_months: of requests and answers; they never outlive their events.
    """

    months: int = 0
    payload_months: int = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that has been kept long enough.

    Attributes:
        partition: whose.
        is_whole: the events too, not the payloads alone.
        last: sequence number of the partition's last event; 0 where it has none.
        head: tag of that event's line.
    """

    partition: str
    is_whole: bool
    last: int
    head: str

    @property
    def details(self) -> dict[str, Any]:
        """What the event of the removal says; the verifier reads it."""
        return {
            "partition": self.partition,
            "removed": "events" if self.is_whole else "payloads",
            "lastSequence": self.last,
            "head": self.head,
        }


def due(layout: Layout, retention: Retention, present: str) -> Iterator[Removal]:
    """Yield what is to be removed, oldest first.

    Args:
        layout: of the trail.
        retention: what is kept.
        present: the open partition, which is always kept.
    """
    for partition in layout.partitions():
        age = months_between(partition, present)
        is_whole = 0 < retention.months < age
        if is_whole or (0 < retention.payload_months < age and layout.payloads(partition).exists()):
            last = last_of(layout.checkpoints(partition), Checkpoint)
            yield Removal(partition, is_whole, last.last if last else 0, last.head if last else "")


def carry_out(layout: Layout, removal: Removal) -> None:
    """Remove what a removal says; its event must be on the disk before."""
    if removal.is_whole:
        # Renamed first: a crash must not leave half a partition under its name.
        folder = layout.folder / removal.partition
        leaving = layout.folder / f".{removal.partition}.removed"
        folder.rename(leaving)
        shutil.rmtree(leaving)
    else:
        layout.payloads(removal.partition).unlink(missing_ok=True)


def clear_leftovers(layout: Layout) -> None:
    """Finish removals that a crash cut short."""
    for leaving in layout.folder.glob(".*.removed"):
        shutil.rmtree(leaving)
