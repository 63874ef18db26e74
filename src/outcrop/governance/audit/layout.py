"""Where the trail's files lie, relative to its folder; no secret is in any of them but the sealed state.

public-key.pem             whoever knows this key can verify everything
links.jsonl                one signed line for each partition that ever was
state.sealed               the present secrets, sealed under the root of trust
2026-11/events.jsonl       metadata of the month's events, chained
2026-11/payloads.jsonl     their requests and answers, which may be removed sooner
2026-11/checkpoints.jsonl  signed statements about the chain
"""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

_NAME = re.compile(r"\d{4}-(0[1-9]|1[0-2])\Z")


class Layout:
    """The paths of a trail.

    Args:
        folder: the trail's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.public_key = folder / "public-key.pem"
        self.links = folder / "links.jsonl"
        self.state = folder / "state.sealed"

    def events(self, partition: str) -> Path:
        """Return the file of a partition's metadata."""
        return self.folder / partition / "events.jsonl"

    def payloads(self, partition: str) -> Path:
        """Return the file of a partition's payloads."""
        return self.folder / partition / "payloads.jsonl"

    def checkpoints(self, partition: str) -> Path:
        """Return the file of a partition's checkpoints."""
        return self.folder / partition / "checkpoints.jsonl"

    def partitions(self) -> list[str]:
        """Return the partitions that are there, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(
            path.name for path in self.folder.iterdir() if path.is_dir() and _NAME.match(path.name)
        )


def partition_of(moment: datetime) -> str:
    """Return the name of the partition of a moment."""
    return moment.astimezone(UTC).strftime("%Y-%m")


def end_of(partition: str) -> datetime:
    """Return the moment at which a partition's month ends."""
    year, month = (int(part) for part in partition.split("-"))
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def months_between(earlier: str, later: str) -> int:
    """Return how many months lie from one partition to another."""
    first, second = (int(name[:4]) * 12 + int(name[5:]) for name in (earlier, later))
    return second - first


def time_text(moment: datetime) -> str:
    """Return a moment as records have it: whole seconds in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(text: str) -> datetime:
    """Return the moment that a record's time means."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def append_durably(path: Path, line: bytes) -> None:
    """Add a line to a small file; it is on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, line) != len(line):
                raise OSError(f"{path.name} took only part of a line")
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def drop_incomplete_line(path: Path) -> int:
    """Cut a file after its last newline; return how many bytes went."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        end = size = file.seek(0, os.SEEK_END)
        kept = 0
        while end > 0:
            start = max(0, end - 65_536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                kept = start + newline + 1
                break
            end = start
        if kept < size:
            file.truncate(kept)
            file.flush()
            os.fsync(file.fileno())
    return size - kept
