"""Code packages: sealed files, each under a key of its own, and their unpacked copies.

Three folders:
    packages/<id>     the archive as it was uploaded, sealed; its row is committed after it is on disk
    unpacked/<names>  what it holds, made anew whenever it is missing
    drafts/           what is being written; emptied at every start

A package belongs to the versions of one function (or to one layer) and goes with the last of them.
"""

import base64
import hashlib
import io
import os
import secrets
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, bindparam, delete, select, union_all

from outcrop.crypto.sealed import SealedFile, Sealer
from outcrop.crypto.sealed_folder import buffered
from outcrop.storage.database.engine import Database
from outcrop.storage.database.tables.functions import (
    function_layers,
    function_packages,
    function_versions,
)
from outcrop.storage.functions.archives import unpack
from outcrop.storage.prepared import Prepared
from outcrop.storage.service_keys import ServiceKeys

SERVICE = "lambda"
_PIECE_BYTES = 1 << 20
_GET = Prepared(
    select(
        function_packages.c.id,
        function_packages.c.wrapped_key,
        function_packages.c.sha256,
        function_packages.c.size_bytes,
    ).where(function_packages.c.id == bindparam("id"))
)
_NAMED = Prepared(
    union_all(
        *(
            select(table.c.package_id).where(table.c.package_id == bindparam("id"))
            for table in (function_versions, function_layers)
        )
    )
    .subquery()
    .select()
)


@dataclass(frozen=True, slots=True)
class Package:
    """A package, columns as in tables/functions.py."""

    id: str
    wrapped_key: bytes = field(repr=False)
    sha256: str
    size_bytes: int


class Packages:
    """The packages of one home.

    Args:
        folder: holds them; made where missing.
        database: holds their rows.
        keys: wraps their keys.
    """

    def __init__(self, folder: Path, database: Database, keys: ServiceKeys) -> None:
        self._folder = folder
        self._database = database
        self._keys = keys
        self._unpacking = threading.Lock()

    def keep(self, content: bytes) -> Package:
        """Write a package to disk, for good only once its row is added (`add`); blocks.

        The content's archive has been checked.
        """
        package_id = secrets.token_hex(16)
        key = self._keys.new_data_key(SERVICE, _bound(package_id))
        target = self._sealed(package_id)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with target.open("xb") as file:
            sealer = Sealer(file.write, key.plain, _bound(package_id))
            view = memoryview(content)
            for start in range(0, len(content), _PIECE_BYTES):
                sealer.update(bytes(view[start : start + _PIECE_BYTES]))
            sealer.finish()
            file.flush()
            os.fsync(file.fileno())
        _flush(target.parent)
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        return Package(package_id, key.wrapped, digest, len(content))

    def add(self, connection: Connection, package: Package) -> None:
        """Add the row of a package that was kept."""
        connection.execute(
            function_packages.insert().values(
                id=package.id,
                wrapped_key=package.wrapped_key,
                sha256=package.sha256,
                size_bytes=package.size_bytes,
            )
        )

    def get(self, package_id: str) -> Package | None:
        """Return a package."""
        row = _GET.first(self._database.reader, id=package_id)
        return None if row is None else Package(*row)

    def discard(self, package: Package) -> None:
        """Remove the file of a package whose row was never added."""
        self._sealed(package.id).unlink(missing_ok=True)

    def drop_unnamed(self, connection: Connection, package_ids: Sequence[str | None]) -> list[str]:
        """Delete the rows of those packages that nothing names any more; `remove` their files after the commit."""
        dropped = []
        for package_id in dict.fromkeys(package_ids):
            if package_id is None or _NAMED.first(connection, id=package_id) is not None:
                continue
            connection.execute(
                delete(function_packages).where(function_packages.c.id == package_id)
            )
            dropped.append(package_id)
        return dropped

    def remove(self, package_ids: Sequence[str]) -> None:
        """Remove the files of packages whose rows are gone; blocks. What runs from their copies goes on."""
        for package_id in package_ids:
            self._sealed(package_id).unlink(missing_ok=True)

    def remove_copies(self, package_ids: Sequence[str]) -> None:
        """Remove what was unpacked from packages that are gone; blocks."""
        for copy in self._copies():
            if not set(package_ids).isdisjoint(copy.name.split("-")):
                self._throw_away(copy)

    def open(self, package: Package) -> SealedFile:
        """Open the archive for reading from anywhere.

        Raises:
            SealBroken: the file or the row was changed.
            FileNotFoundError: it was removed meanwhile.
        """
        key = self._keys.unwrap(SERVICE, package.wrapped_key, _bound(package.id))
        return SealedFile(self._sealed(package.id), key, _bound(package.id))

    def unpacked(self, packages: Sequence[Package]) -> Path:
        """Return the folder in which the packages lie unpacked, later ones over earlier; blocks where it is missing.

        Raises:
            ArchiveBroken, ArchiveTooLarge: one cannot be unpacked.
            SealBroken: one was changed.
        """
        folder = self.folder_of([package.id for package in packages])
        if folder.exists():
            return folder
        with self._unpacking:
            if not folder.exists():
                self._unpack(packages, folder)
        return folder

    def folder_of(self, package_ids: Sequence[str]) -> Path:
        """Return where packages lie unpacked, or would."""
        return self._folder / "unpacked" / "-".join(package_ids)

    def _unpack(self, packages: Sequence[Package], folder: Path) -> None:
        drafts = self._folder / "drafts"
        drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = drafts / secrets.token_hex(8)
        draft.mkdir()
        try:
            for package in packages:
                with buffered(self.open(package)) as file:
                    unpack(_as_binary(file), draft)
            # Renamed whole, so that a folder under its name is always complete.
            draft.rename(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def sweep(self) -> int:
        """Remove what an earlier process left half done, and files whose rows are gone. For the start.

        Returns:
            How many files and folders were removed.
        """
        if not self._folder.exists():
            return 0
        shutil.rmtree(self._folder / "drafts", ignore_errors=True)
        known = {
            row_id
            for (row_id,) in self._database.reader.execute(select(function_packages.c.id)).all()
        }
        gone = [path for path in self._files() if path.name not in known]
        for path in gone:
            path.unlink(missing_ok=True)
        stale = [path for path in self._copies() if not known.issuperset(path.name.split("-"))]
        for path in stale:
            self._throw_away(path)
        return len(gone) + len(stale)

    def _throw_away(self, folder: Path) -> None:
        # Out of the way first: nobody may find half of it under its name.
        drafts = self._folder / "drafts"
        drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
        doomed = drafts / secrets.token_hex(8)
        try:
            folder.rename(doomed)
        except FileNotFoundError:
            return
        shutil.rmtree(doomed, ignore_errors=True)

    def _sealed(self, package_id: str) -> Path:
        return self._folder / "packages" / package_id

    def _files(self) -> list[Path]:
        folder = self._folder / "packages"
        return list(folder.iterdir()) if folder.exists() else []

    def _copies(self) -> list[Path]:
        folder = self._folder / "unpacked"
        return list(folder.iterdir()) if folder.exists() else []


def _as_binary(file: io.BufferedReader) -> BinaryIO:
    return file


def _bound(package_id: str) -> bytes:
    return f"{SERVICE}/package/{package_id}".encode()


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
