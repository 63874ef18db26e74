"""The output folder of a job: written aside, made durable, renamed; whole or absent."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from outcrop.crypto.sealed_folder import SEAL_FILE, Sealing
from outcrop.inference.weight_files import state_without_copies, write_tensors
from outcrop.training.job_folder import OUTPUT, sync_folder, sync_tree

# Besides weights and config.json: tokenizer, chat template, generation settings, licence, card.
_COPIED_SUFFIXES = {".json", ".jinja", ".model", ".txt", ".md", ""}


def write_output(folder: Path, save: Callable[[Path], None]) -> None:
    """Make <job folder>/output with what `save` writes, unless an earlier worker got that far.

    Args:
        folder: the job's folder.
        save: writes the files into the empty folder it is given.
    """
    output, partial = folder / OUTPUT, folder / f"{OUTPUT}.partial"
    if output.exists():  # it was renamed when whole, from the same final checkpoint
        return
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    save(partial)
    sync_tree(partial)
    partial.rename(output)
    sync_folder(folder)


def save_model(folder: Path, model: nn.Module, base: Path, sealing: Sealing | None) -> None:
    """Write a Hugging Face folder: the model's weights as safetensors, everything else copied from its base.

    Args:
        folder: empty.
        model: a transformers model, all of whose weights may have been trained.
        base: the folder it was loaded from. The weights keep the precision they have there.
        sealing: seals the weights; None to leave them in clear.
    """
    from transformers import AutoConfig

    dtype = AutoConfig.from_pretrained(base, local_files_only=True).dtype
    saved: Any = (
        model if dtype is None else model.to(dtype)
    )  # Any: save_pretrained is transformers'
    if sealing is None:
        saved.save_pretrained(folder)
    else:
        saved.config.save_pretrained(folder)
        saved.generation_config.save_pretrained(folder)
        state = state_without_copies(saved)
        write_tensors(folder / "model.safetensors", state, sealing, {"format": "pt"})
    for path in sorted(base.iterdir()):
        is_index = path.name.endswith(".index.json")
        if path.name == SEAL_FILE:
            continue  # the base's; the folder has its own
        if path.is_file() and path.suffix in _COPIED_SUFFIXES and not is_index:
            target = folder / path.name
            if not target.exists() or path.name == "generation_config.json":
                shutil.copyfile(path, target)
