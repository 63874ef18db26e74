"""What the processes of a function use: memory, processor time, how many they are, and room on disk."""

import os
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """One look at a tree of processes.

    Attributes:
        processes: their ids, the root of the tree first.
        resident_bytes: memory together; pages that several share are counted for each.
        ticks: processor time together, in clock ticks; of those that live.
    """

    processes: tuple[int, ...]
    resident_bytes: int
    ticks: int


def is_measurable() -> bool:
    """Return whether this machine tells what processes use."""
    return bool(_children(os.getppid()) or (_PROC / "self" / "task").is_dir()) and bool(
        _statm(os.getpid())
    )


def usage_of(root: int, *, with_root: bool = False) -> Usage:
    """Look at all descendants of a process.

    Args:
        root: whose.
        with_root: whether it counts itself.
    """
    processes = [root] if with_root else []
    waiting = [root]
    while waiting:
        children = _children(waiting.pop())
        processes += children
        waiting += children
    return Usage(
        tuple(processes),
        sum(_statm(process) for process in processes) * _PAGE_BYTES,
        sum(_ticks(process) for process in processes),
    )


def resident_bytes(process: int) -> int:
    """Return one process's resident memory; 0 when it is gone."""
    return _statm(process) * _PAGE_BYTES


def proportional_bytes(processes: tuple[int, ...]) -> int:
    """Return the memory of processes with every shared page counted once among those that share it; dear."""
    total = 0
    for process in processes:
        try:
            text = (_PROC / str(process) / "smaps_rollup").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
                break
    return total


def folder_bytes(folder: Path) -> int:
    """Return the room that a folder's files take on disk."""
    total = 0
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    try:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                    except OSError:
                        continue
        except OSError:
            continue
    return total


def _children(process: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{process}/task"):  # noqa: PTH208  # twice as fast, and this is a loop
            try:
                with open(f"/proc/{process}/task/{thread}/children", "rb") as file:  # noqa: PTH123
                    found += [int(word) for word in file.read().split()]
            except OSError:
                continue
    except OSError:
        pass
    return found


def _statm(process: int) -> int:
    try:
        with open(f"/proc/{process}/statm", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[1])
    except (OSError, IndexError):
        return 0


def _ticks(process: int) -> int:
    try:
        with open(f"/proc/{process}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[11]) + int(fields[12])
    except (OSError, IndexError):
        return 0
