"""Folders whose secret files are sealed: job folders and custom models.

sealed.json         how: {"context", "wrapped", "kms_key_arn", "grant_id"}; holds no secret
*.sealed            sealed files; what else lies in the folder is in clear

The data key is wrapped under a KMS key or one of the services' own; who may unwrap it is decided elsewhere, and
processes that work in the folder are handed the key over a pipe.
"""

import base64
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from outcrop.core.errors import SealBroken
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
        grant_id: the grant under which the service uses the KMS key.
    """

    context: str
    wrapped: bytes
    kms_key_arn: str | None = None
    grant_id: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the seal of a folder, None where nothing in it is sealed."""
        try:
            return cls.from_json((folder / SEAL_FILE).read_text())
        except FileNotFoundError:
            return None

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the seal in the content of a sealed.json."""
        value = json.loads(text)
        value["wrapped"] = base64.b64decode(value["wrapped"])
        return cls(**value)

    def to_json(self) -> str:
        """Return the content of sealed.json."""
        value = asdict(self)
        value["wrapped"] = base64.b64encode(self.wrapped).decode()
        return json.dumps(value, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class Sealing:
    """What seals and opens the files of a folder.

    Attributes:
        key: the data key.
        context: as in FolderSeal.
    """

    key: bytes = field(repr=False)
    context: str

    @classmethod
    def of(cls, folder: Path, key: bytes | None) -> Self | None:
        """Return what opens a folder, None where no key is given because nothing in it is sealed.

        Raises:
            SealBroken: a key is given, but the folder does not say what for.
        """
        if key is None:
            return None
        seal = FolderSeal.read(folder)
        if seal is None:
            raise SealBroken(f"{folder.name} has no {SEAL_FILE}, so its files cannot be opened")
        return cls(key, seal.context)

    def open(self, path: Path) -> SealedFile:
        """Open `path` + ".sealed".

        Raises:
            SealBroken: wrong key, or the file was changed or is another one.
            FileNotFoundError: it is not there.
        """
        return SealedFile(sealed_path(path), self.key, self._bound(path))

    @contextmanager
    def writing(self, path: Path) -> Iterator[Sealer]:
        """Write `path` + ".sealed"; flushed to disk and closed when the block ends well."""
        with sealed_path(path).open("wb") as file:
            sealer = Sealer(file.write, self.key, self._bound(path))
            yield sealer
            sealer.finish()
            file.flush()
            os.fsync(file.fileno())

    def _bound(self, path: Path) -> bytes:
        return f"{self.context}/{path.name}".encode()


def sealed_path(path: Path) -> Path:
    """Return where the sealed form of a file lies."""
    return path.with_name(path.name + SUFFIX)


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
