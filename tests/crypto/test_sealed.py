from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.core.errors import HomeError, SealBroken
from outcrop.crypto.key_source import FileKeySource
from outcrop.crypto.sealed import (
    CHUNK_BYTES,
    HEADER_BYTES,
    SealedFile,
    Sealer,
    new_data_key,
    open_bytes,
    plain_size,
    seal_bytes,
    sealed_size,
)

KEY, CONTEXT = bytes(range(32)), b"s3/bucket/key"
EDGES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]


def seal(path: Path, content: bytes, piece_bytes: int = 10_000, context: bytes = CONTEXT) -> Path:
    with path.open("wb") as file:
        sealer = Sealer(file.write, KEY, context)
        for start in range(0, len(content), piece_bytes):
            sealer.update(content[start : start + piece_bytes])
        sealer.finish()
    return path


def content_of(size_bytes: int) -> bytes:
    return bytes(i * 7 % 251 for i in range(size_bytes))


@pytest.mark.parametrize("size_bytes", EDGES)
def test_what_was_sealed_comes_back_and_sizes_agree(tmp_path: Path, size_bytes: int) -> None:
    content = content_of(size_bytes)
    path = seal(tmp_path / "f", content)
    assert path.stat().st_size == sealed_size(size_bytes)
    assert plain_size(path.stat().st_size) == size_bytes
    with SealedFile(path, KEY, CONTEXT) as file:
        assert file.size_bytes == size_bytes
        assert file.read() == content


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_range_comes_back(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    size = data.draw(st.integers(1, 3 * CHUNK_BYTES))
    offset = data.draw(st.integers(0, size))
    length = data.draw(st.integers(0, size))
    content = content_of(size)
    piece = data.draw(st.integers(1_000, 200_000))
    path = seal(tmp_path_factory.mktemp("sealed") / "f", content, piece)
    with SealedFile(path, KEY, CONTEXT) as file:
        assert file.read(offset, length) == content[offset : offset + length]


@pytest.mark.parametrize("size_bytes", EDGES)
def test_a_changed_cut_or_moved_file_does_not_open(tmp_path: Path, size_bytes: int) -> None:
    path = seal(tmp_path / "f", content_of(size_bytes))
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[-1] ^= 1
    for broken in (bytes(changed), whole[:-1], whole[: -CHUNK_BYTES - 16], b""):
        path.write_bytes(broken)
        with pytest.raises(SealBroken), SealedFile(path, KEY, CONTEXT) as file:
            file.read()
    path.write_bytes(whole)
    with pytest.raises(SealBroken), SealedFile(path, KEY, b"s3/bucket/other") as file:
        file.read()


def test_chunks_cannot_change_places(tmp_path: Path) -> None:
    path = seal(tmp_path / "f", content_of(3 * CHUNK_BYTES))
    whole, width = path.read_bytes(), CHUNK_BYTES + 16
    start = HEADER_BYTES
    first, second = whole[start : start + width], whole[start + width : start + 2 * width]
    path.write_bytes(whole[:start] + second + first + whole[start + 2 * width :])
    with pytest.raises(SealBroken), SealedFile(path, KEY, CONTEXT) as file:
        file.read()


def test_sealed_bytes_open_only_with_their_key_and_context() -> None:
    sealed = seal_bytes(KEY, b"value", CONTEXT)
    assert open_bytes(KEY, sealed, CONTEXT) == b"value"
    for key, value, context in [
        (new_data_key(), sealed, CONTEXT),
        (KEY, sealed[:-1], CONTEXT),
        (KEY, sealed, b""),
        (KEY, b"", CONTEXT),
    ]:
        with pytest.raises(SealBroken):
            open_bytes(key, value, context)


def test_the_key_file_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    wrapped = FileKeySource(path).wrap(KEY, CONTEXT)
    assert FileKeySource(path).unwrap(wrapped, CONTEXT) == KEY
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(HomeError, match="chmod 600"):
        FileKeySource(path)
