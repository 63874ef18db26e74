"""Strangers' archives: nothing leads out of the folder, nothing fills the disk."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from outcrop.storage.functions import archives
from outcrop.storage.functions.archives import ArchiveBroken, ArchiveTooLarge, check, unpack


def made(*entries: tuple[str, bytes, int]) -> io.BytesIO:
    """Return an archive of (name, content, mode)."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data)
    content.seek(0)
    return content


def link(name: str, target: str) -> tuple[str, bytes, int]:
    return name, target.encode(), stat.S_IFLNK | 0o777


def test_files_are_unpacked_readable_and_as_runnable_as_they_were(tmp_path: Path) -> None:
    archive = made(
        ("a/b.py", b"B", 0o600), ("bin/tool", b"T", 0o700), link("bin/alias", "../a/b.py")
    )
    assert check(archive) == len(b"B") + len(b"T") + len("../a/b.py")
    unpack(archive, tmp_path)
    assert (tmp_path / "a" / "b.py").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "bin" / "tool").stat().st_mode & 0o777 == 0o744
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "bin" / "alias").read_bytes() == b"B"


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "..\\out"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    archive = made((name, b"x", 0o644))
    with pytest.raises(ArchiveBroken, match="leads out"):
        check(archive)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(ArchiveBroken, match="leads out"):
        unpack(archive, folder)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    "entries",
    [
        [link("a", "/etc/passwd")],
        [link("a", "../../out")],
        [link("a", "b"), link("b", "..")],
        [link("deep/a", ".."), link("deep/b", "a/../..")],
    ],
)
def test_links_that_lead_out_are_refused(
    tmp_path: Path, entries: list[tuple[str, bytes, int]]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(ArchiveBroken, match="leads out"):
        unpack(made(*entries), folder)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "victim").mkdir()
    with pytest.raises(ArchiveBroken, match="leads out"):
        unpack(made(link("door", "../victim"), ("door/x", b"x", 0o644)), folder)
    assert list((tmp_path / "victim").iterdir()) == []


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MOST_UNPACKED_BYTES", 1000)
    archive = made(("a", bytes(600), 0o644), ("b", bytes(600), 0o644))
    with pytest.raises(ArchiveTooLarge, match="1200 bytes"):
        check(archive)
    with pytest.raises(ArchiveTooLarge, match="more than"):
        unpack(archive, tmp_path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveBroken, match="no zip archive"):
        check(io.BytesIO(b"PK not really"))
    whole = made(("a", b"content" * 100, 0o644)).getvalue()
    damaged = io.BytesIO(whole.replace(whole[40:44], b"\xff\xff\xff\xff"))
    with pytest.raises(ArchiveBroken, match="cannot be unpacked"):
        unpack(damaged, tmp_path)
