"""Folders whose secret files are sealed: job folders and custom models.

sealed.json         how: {"context", "wrapped", "kms_key_arn"}; holds no secret
*.sealed            sealed files; what else lies in the folder is in clear

The data key is wrapped under a KMS key or one of the services' own; who may unwrap it is decided elsewhere, and
processes that work in the folder are handed the key over a pipe.
"""

import base64
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from outcrop.crypto.sealed import SealedFile, Sealer

SEAL_FILE = "sealed.json"
SUFFIX = ".sealed"


@dataclass(frozen=True, slots=True)
class FolderSeal:
    """How the files of a folder are sealed.

    Attributes:
        context: bound to every file, beside its name; stays the same when the folder moves.
        wrapped: the data key, wrapped.
        kms_key_arn: the KMS key that wraps it, or None for the service's own.
    """

    context: str
    wrapped: bytes
    kms_key_arn: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the seal of a folder, None where nothing in it is sealed."""
        try:
            value = json.loads((folder / SEAL_FILE).read_text())
        except FileNotFoundError:
            return None
        return cls(value["context"], base64.b64decode(value["wrapped"]), value["kms_key_arn"])

    def to_json(self) -> str:
        """Return the content of sealed.json."""
        value = asdict(self)
        value["wrapped"] = base64.b64encode(self.wrapped).decode()
        return json.dumps(value, indent=2) + "\n"


def file_context(folder: Path, name: str) -> bytes:
    """Return what is bound to a file of a sealed folder.

    Args:
        folder: has a sealed.json.
        name: of the file, without `.sealed`.
    """
    seal = FolderSeal.read(folder)
    assert seal is not None
    return f"{seal.context}/{name}".encode()


def open_sealed(path: Path, key: bytes, context: bytes) -> SealedFile:
    """Open `path` + ".sealed".

    Raises:
        SealBroken: wrong key, or the file was changed or is another one.
        FileNotFoundError: it is not there.
    """
    return SealedFile(path.with_name(path.name + SUFFIX), key, context)


@contextmanager
def writing_sealed(path: Path, key: bytes, context: bytes) -> Iterator[Sealer]:
    """Write `path` + ".sealed"; it is whole, though not yet flushed to disk, when the block ends well."""
    with path.with_name(path.name + SUFFIX).open("wb") as file:
        sealer = Sealer(file.write, key, context)
        yield sealer
        sealer.finish()


class SealedReader(io.RawIOBase):
    """A sealed file as a binary stream; closes it at the end."""

    def __init__(self, file: SealedFile) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the content."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size_bytes}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than io's
        """Read into a buffer; returns how many bytes, 0 at the end."""
        left = max(0, self._file.size_bytes - self._at)
        data = self._file.read(self._at, min(left, len(buffer)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()


def buffered(file: SealedFile) -> io.BufferedReader:
    """Return a sealed file as a buffered stream, for reading it line by line."""
    return io.BufferedReader(SealedReader(file), 1 << 20)
