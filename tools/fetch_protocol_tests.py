"""Fetch botocore's own protocol and signature test cases into .cache/botocore-tests (not in the repository).

They are Apache-2.0 data inside botocore's source distribution. The archive is pinned by its SHA-256; running the
script again does nothing when the cases are there.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

VERSION = "1.44.5"
ARCHIVE = f"botocore-{VERSION}"
SHA256 = "a988f39e3a4484def0b8010f41128f71157da0515a4804fccce4739aa8f216da"
FOLDERS = ("tests/unit/protocols/", "tests/unit/auth/aws4_testsuite/")
DESTINATION = Path(__file__).resolve().parents[1] / ".cache" / "botocore-tests"
MARK = DESTINATION / ".complete"


def download(folder: Path) -> Path:
    """Return the source archive, fetched by pip from the configured index without building it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-binary", ":all:", "--no-deps", "--no-build-isolation", "--dest", str(folder)]
    subprocess.run([*command, f"botocore=={VERSION}"], check=True)
    return folder / f"{ARCHIVE}.tar.gz"


def verify(archive: Path) -> None:
    """End the program if the archive is not the pinned one."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{archive.name} has SHA-256 {found}, expected {SHA256}")


def extract(archive: Path, destination: Path) -> int:
    """Copy the test cases out of the archive; returns how many files."""
    count = 0
    with tarfile.open(archive) as source:
        for member in source:
            path = PurePosixPath(member.name).relative_to(ARCHIVE).as_posix()
            if not member.isfile() or not path.startswith(FOLDERS) or ".." in path:
                continue
            content = source.extractfile(member)
            if content is None:
                continue
            target = destination / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())
            count += 1
    return count


def main() -> None:
    """Fetch, verify and unpack, unless the cases of this version are there."""
    if MARK.is_file() and MARK.read_text() == SHA256:
        return
    shutil.rmtree(DESTINATION, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        archive = download(Path(folder))
        verify(archive)
        count = extract(archive, DESTINATION)
    MARK.write_text(SHA256)
    print(f"{count} files of botocore {VERSION}'s test cases are in {DESTINATION}")


if __name__ == "__main__":
    main()
