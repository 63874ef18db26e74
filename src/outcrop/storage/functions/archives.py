"""Zip archives of code: checked before they are accepted, unpacked where nothing can lead out of the folder."""

import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zlib import error as ZlibError  # noqa: N812  # zlib names its one exception in lower case

from outcrop.core.errors import OutcropError

# Lambda Developer Guide, "Lambda quotas": deployment package, unzipped.
MOST_UNPACKED_BYTES = 262_144_000
# An archive of nothing but names could fill a disk's table of files.
_MOST_ENTRIES = 200_000
_PIECE_BYTES = 1 << 20


class ArchiveBroken(OutcropError):
    """A file is no zip archive that could be unpacked; the message says why."""


class ArchiveTooLarge(OutcropError):
    """What an archive holds is more than a function may have."""


def check(file: BinaryIO) -> int:
    """Return how many bytes an archive holds.

    Raises:
        ArchiveBroken: it is no archive, or a name in it leads out of its folder.
        ArchiveTooLarge: it holds more than `MOST_UNPACKED_BYTES`.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ArchiveBroken(f"it is no zip archive: {error}") from error
    total = sum(entry.file_size for entry in entries)
    if total > MOST_UNPACKED_BYTES or len(entries) > _MOST_ENTRIES:
        raise ArchiveTooLarge(f"it holds {total} bytes in {len(entries)} entries")
    for entry in entries:
        _parts(entry.filename)
        if entry.flag_bits & 1:
            raise ArchiveBroken(f"{entry.filename} is encrypted")
    return total


def unpack(file: BinaryIO, folder: Path) -> None:
    """Write the content of an archive into a folder, over what is there.

    Everything becomes readable by all, as the function's user is none of this machine's; what may be run stays so.
    Links inside the folder are made, others refused.

    Raises:
        ArchiveBroken: an entry is damaged, or leads out of the folder.
        ArchiveTooLarge: it holds more than it said.
    """
    left = MOST_UNPACKED_BYTES
    links: list[tuple[Path, str]] = []
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                target = folder.joinpath(*_parts(entry.filename))
                mode = entry.external_attr >> 16
                if entry.is_dir():
                    _make_folder(target, folder)
                    continue
                if stat.S_ISLNK(mode):
                    links.append((target, archive.read(entry).decode("utf-8", "strict")))
                    continue
                _make_folder(target.parent, folder)
                with archive.open(entry) as source, target.open("wb") as copy:
                    left = _copy(source, copy, left)
                target.chmod(0o644 | (mode & 0o111))
    except (zipfile.BadZipFile, ZlibError, EOFError, NotImplementedError, ValueError) as error:
        raise ArchiveBroken(f"it cannot be unpacked: {error}") from error
    folder.chmod(0o755)
    # Last, so that no file is ever written through one.
    for place, destination in links:
        _make_folder(place.parent, folder)
        _link(place, destination, folder)


def _parts(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ArchiveBroken(f"{name!r:.200} leads out of the archive")
    return path.parts


def _make_folder(path: Path, top: Path) -> None:
    if path == top or path.is_dir():
        return
    _make_folder(path.parent, top)
    path.mkdir()
    path.chmod(0o755)


def _copy(source: object, copy: BinaryIO, left: int) -> int:
    for piece in _pieces(source):
        left -= len(piece)
        if left < 0:
            raise ArchiveTooLarge("it holds more than it says")
        copy.write(piece)
    return left


def _pieces(source: object) -> Iterator[bytes]:
    read = source.read  # type: ignore[attr-defined]  # of the zip module's stream
    while piece := read(_PIECE_BYTES):
        yield piece


def _link(place: Path, destination: str, folder: Path) -> None:
    # Both sides are held against the folder as it really lies there.
    root = os.path.realpath(folder)
    target = os.path.realpath(os.path.join(os.path.realpath(place.parent), destination))  # noqa: PTH118  # Path would not fold ".."
    inside = f"{os.path.realpath(place.parent)}/".startswith(f"{root}/")
    if destination.startswith("/") or not inside or not f"{target}/".startswith(f"{root}/"):
        raise ArchiveBroken(f"the link {place.name} leads out of the archive")
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.symlink_to(destination)
