"""Installs what a package's lock names, once for each lock, into a cache.

A lock is a stranger's text: only names, versions, markers and hashes are taken from it, so that it can neither choose
an index nor a file of this machine, and only wheels are installed, since building would run code outside the walls.
"""

import asyncio
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from outcrop.functions.code import PackageError
from outcrop.functions.launching import runtime

LOCK = "requirements.lock"
_PLAIN = "requirements.txt"
_MOST_LOCK_BYTES = 1 << 20
_INSTALL_SECONDS = 600
_MOST_WORDS_OF_ERROR = 400
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]*\])?\s*[^@/\\:;#-]*(;[^/\\@#]*)?"
)
_HASH = re.compile(r"--hash=(sha256|sha384|sha512):[0-9a-f]{64,128}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


async def install(package: Path, cache: Path) -> Path | None:
    """Return the folder with the distributions that a package's lock names, installing them at first.

    The lock is `requirements.lock` at the package's top, or a `requirements.txt` in which every line has a hash or
    which the package's Dockerfile installs. What Lambda's runtime brings along is not installed again.

    Args:
        package: folder with the function's sources.
        cache: folder that keeps what was installed; the same lock is installed once.

    Returns:
        the folder for `FunctionCode.requirements`, or None when nothing is to be installed.

    Raises:
        PackageError: they cannot be installed; says why.
    """
    lines = await asyncio.to_thread(_wanted, package)
    if not lines:
        return None
    text = "\n".join(lines) + "\n"
    digest = hashlib.sha256(f"{sys.version_info[:2]}\n{text}".encode()).hexdigest()
    folder = cache / digest
    await asyncio.to_thread(_install, text, folder)
    return folder


def read_lock(text: str) -> list[str]:
    """Return the requirements of a lock, one a line with its hashes.

    Raises:
        PackageError: a line is anything else: an option, a path, a URL.
    """
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words = re.sub(r"(^|\s)#.*", "", line).strip()
        if not words:
            continue
        requirement, *options = re.split(r"\s+(?=--)", words)
        if not _REQUIREMENT.fullmatch(requirement.strip()):
            raise PackageError(
                f"The lock may hold names, versions and hashes only, not {words!r:.100}."
            )
        for option in options:
            if not _HASH.fullmatch(option):
                raise PackageError(f"The lock may hold no option but --hash, not {option!r:.100}.")
        found.append(" ".join((requirement.strip(), *options)))
    return found


def _wanted(package: Path) -> list[str]:
    text = _read(package / LOCK)
    if text is not None:
        return _missing(read_lock(text))
    text = _read(package / _PLAIN)
    if text is None:
        return []
    if _PLAIN in (_read(package / "Dockerfile") or ""):
        return _missing(read_lock(text))
    try:
        lines = read_lock(text)
    except PackageError:
        return []  # no lock, but a note of what was packed; Lambda takes no notice of it either
    return _missing(lines) if lines and all(" --hash=" in line for line in lines) else []


def _read(path: Path) -> str | None:
    if path.is_symlink() or not path.is_file():
        return None
    if path.stat().st_size > _MOST_LOCK_BYTES:
        raise PackageError(f"{path.name} is larger than {_MOST_LOCK_BYTES} bytes.")
    return path.read_text(errors="replace")


def _missing(lines: Iterable[str]) -> list[str]:
    """Leave out what the runtime has already; all of it only, as one part could need another version of the next."""
    lines = list(lines)
    return [] if all(map(_is_brought_along, lines)) else lines


def _is_brought_along(line: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line.split(" --", 1)[0])
    except InvalidRequirement:
        return False
    name = requirement.name.lower().replace("-", "_")
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    if {"python_dateutil": "dateutil"}.get(name, name) not in runtime():
        return False
    return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)


def _install(text: str, folder: Path) -> None:
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.parent / f"draft-{secrets.token_hex(8)}"
    draft.mkdir()
    try:
        (draft / LOCK).write_text(text)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"]
        command += ["--disable-pip-version-check", "--only-binary=:all:", "--no-compile"]
        command += ["--target", str(draft / "content"), "--requirement", str(draft / LOCK)]
        _run(command, draft)
        _make_readable(draft / "content")
        with suppress(OSError):  # another installed the same meanwhile
            (draft / "content").rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    if not folder.is_dir():
        raise PackageError(f"The requirements cannot be kept in {folder}.")


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter; the lock was read word by word
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PackageError(
            f"The requirements were not installed within {_INSTALL_SECONDS} seconds."
        ) from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = " ".join(lines[-3:])[-_MOST_WORDS_OF_ERROR:] or f"exit status {done.returncode}"
        raise PackageError(f"The requirements cannot be installed: {reason}")


def _make_readable(folder: Path) -> None:
    """A function's user is none of this machine's."""
    folder.mkdir(exist_ok=True)
    for place, folders, files in os.walk(folder):
        Path(place).chmod(0o755)
        for name in files:
            path = Path(place, name)
            if path.is_symlink():
                path.unlink()
            else:
                path.chmod(0o644 | (path.stat().st_mode & 0o111))
        for name in folders:
            if Path(place, name).is_symlink():
                Path(place, name).unlink()
