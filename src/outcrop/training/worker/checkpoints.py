"""Checkpoints that a kill cannot spoil: written aside, made durable, renamed.

checkpoints/step-00000050/state.json                numbers, and the size of every other file
checkpoints/step-00000050/<group>.safetensors       tensors: weights, optimizer, best; sealed as the job's folder is

A folder under its final name is whole, unless the disk lost power and lied; then the sizes tell, and the one
before it is taken.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from outcrop.crypto.sealed_folder import Sealing, sealed_path
from outcrop.inference.weight_files import read_tensors, write_tensors
from outcrop.training.job_folder import sync_folder, sync_tree

_KEPT = 2
_STATE_FILE = "state.json"
_PARTIAL_PREFIX = ".partial-"

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint on disk."""

    step: int
    folder: Path
    state: Mapping[str, object]
    sealing: Sealing | None = None

    def tensors(self, group: str) -> dict[str, Tensor] | None:
        """Return a group's tensors, or None when the checkpoint has no such group."""
        path = self.folder / f"{group}.safetensors"
        written = path if self.sealing is None else sealed_path(path)
        return read_tensors(path, self.sealing) if written.exists() else None


class Checkpoints:
    """The checkpoints of one job.

    Args:
        folder: made where needed; what an earlier worker left half-written is removed.
        sealing: seals the tensors; None to leave them in clear.
    """

    def __init__(self, folder: Path, sealing: Sealing | None = None) -> None:
        self._folder = folder
        self._sealing = sealing
        folder.mkdir(exist_ok=True)
        for litter in folder.glob(f"{_PARTIAL_PREFIX}*"):
            shutil.rmtree(litter)

    def latest(self) -> Checkpoint | None:
        """Return the newest whole checkpoint, or None."""
        for folder in sorted(self._folder.glob("step-*"), reverse=True):
            checkpoint = _open(folder)
            if checkpoint is not None:
                return replace(checkpoint, sealing=self._sealing)
        return None

    def write(
        self,
        step: int,
        groups: Mapping[str, Tensors],
        state: Mapping[str, object],
        unchanged: tuple[str, ...] = (),
    ) -> None:
        """Write a checkpoint, then remove all but the newest two.

        Args:
            step: optimizer steps done.
            groups: tensors by group; each becomes a file.
            state: anything JSON holds.
            unchanged: groups that equal those of the newest checkpoint, which are linked instead of written.
        """
        newest = self.latest()
        if newest is not None and newest.step == step:
            return  # resumed exactly there
        partial = self._folder / f"{_PARTIAL_PREFIX}{step:08d}"
        partial.mkdir()
        for group, tensors in groups.items():
            write_tensors(partial / f"{group}.safetensors", tensors, self._sealing)
        for group in unchanged:
            assert newest is not None
            path = Path(f"{group}.safetensors")
            name = path.name if self._sealing is None else sealed_path(path).name
            os.link(newest.folder / name, partial / name)
        sizes = {path.name: path.stat().st_size for path in sorted(partial.iterdir())}
        (partial / _STATE_FILE).write_text(
            json.dumps({"step": step, "sizes": sizes, "state": dict(state)}, indent=2)
        )
        sync_tree(partial)
        partial.rename(self._folder / f"step-{step:08d}")
        sync_folder(self._folder)
        for old in sorted(self._folder.glob("step-*"))[:-_KEPT]:
            shutil.rmtree(old)


def _open(folder: Path) -> Checkpoint | None:
    try:
        value = json.loads((folder / _STATE_FILE).read_text())
        sizes = {name: (folder / name).stat().st_size for name in value["sizes"]}
    except (OSError, ValueError, KeyError):
        return None
    if sizes != value["sizes"]:
        return None
    return Checkpoint(value["step"], folder, value["state"])
