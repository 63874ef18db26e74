"""Files that only their owner may read."""

import os
from pathlib import Path

from outcrop.core.errors import HomeError


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600, whole or not at all, replacing an older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_private(path: Path) -> bytes:
    """Return the content of a file that only its owner may read.

    Raises:
        HomeError: the file is readable by others; says how to mend it.
    """
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise HomeError(
            f"{path} holds a secret but its mode is {mode:04o}, so others can read it. "
            f"If nobody has, run `chmod 600 {path}`; else delete it and start again with a new key."
        )
    return path.read_bytes()
