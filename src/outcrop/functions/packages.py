"""Unpacks deployment packages: what comes in is a stranger's archive."""

from pathlib import Path

MAX_UNPACKED_BYTES = 262_144_000  # Lambda quotas: 250 MB unzipped, layers included


def unpack(archive: Path, folder: Path, *, max_bytes: int = MAX_UNPACKED_BYTES) -> int:
    """Unpack a zip archive into a folder that does not exist yet; return the bytes it takes.

    Links may point within the package only. Everything becomes readable by all, as the function's user is none
    of this machine's. Nothing is left behind when the archive is refused.

    Args:
        archive: the zip file.
        folder: made by this call; its parent exists.
        max_bytes: most bytes of all files together, counted while they are unpacked.

    Raises:
        PackageError: it is no zip file, too large, or reaches outside of the folder.
    """
    raise NotImplementedError
