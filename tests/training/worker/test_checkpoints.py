"""Checkpoints on disk, whole and broken."""

import shutil
from pathlib import Path

import torch

from outcrop.training.worker.checkpoints import Checkpoints


def _write(folder: Path, step: int, unchanged: tuple[str, ...] = ()) -> None:
    weights = {"w": torch.full((3,), float(step))}
    Checkpoints(folder).write(step, {"weights": weights}, {"at": step}, unchanged)


def test_the_newest_checkpoint_is_found_and_only_two_are_kept(tmp_path: Path) -> None:
    for step in (5, 10, 100):
        _write(tmp_path, step)
    latest = Checkpoints(tmp_path).latest()
    assert latest is not None
    assert (latest.step, latest.state) == (100, {"at": 100})
    weights = latest.tensors("weights")
    assert weights is not None
    assert weights["w"].tolist() == [100.0] * 3
    assert latest.tensors("best") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010", "step-00000100"]


def test_a_half_written_checkpoint_is_ignored_and_removed(tmp_path: Path) -> None:
    _write(tmp_path, 5)
    shutil.copytree(tmp_path / "step-00000005", tmp_path / ".partial-00000010")
    latest = Checkpoints(tmp_path).latest()
    assert latest is not None
    assert latest.step == 5
    assert not (tmp_path / ".partial-00000010").exists()


def test_a_checkpoint_with_a_file_cut_short_falls_back_to_the_one_before(tmp_path: Path) -> None:
    _write(tmp_path, 5)
    _write(tmp_path, 10)
    weights = tmp_path / "step-00000010" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    latest = Checkpoints(tmp_path).latest()
    assert latest is not None
    assert latest.step == 5


def test_an_unchanged_group_is_linked_from_the_checkpoint_before(tmp_path: Path) -> None:
    Checkpoints(tmp_path).write(1, {"best": {"b": torch.ones(2)}}, {})
    _write(tmp_path, 2, unchanged=("best",))
    latest = Checkpoints(tmp_path).latest()
    assert latest is not None
    best = latest.tensors("best")
    assert best is not None
    assert best["b"].tolist() == [1.0, 1.0]
    inodes = {path.stat().st_ino for path in tmp_path.glob("*/best.safetensors")}
    assert len(inodes) == 1


def test_no_checkpoint_is_no_checkpoint(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "new").latest() is None
