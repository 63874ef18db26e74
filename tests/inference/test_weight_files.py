from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save_file

from outcrop.core.errors import SealBroken
from outcrop.crypto.sealed_folder import SEAL_FILE, FolderSeal, Sealing
from outcrop.inference.weight_files import (
    load_causal_model,
    read_tensors,
    state_without_copies,
    write_tensors,
)
from support.tiny_llama import make_tiny_llama

KEY = bytes(range(32))
TENSORS = {
    "b": torch.arange(6, dtype=torch.float32).view(2, 3),
    "a": torch.ones(5, dtype=torch.bfloat16),
    "empty": torch.empty(0, 4),
    "flags": torch.tensor([True, False, True]),
}


def sealed_folder(folder: Path) -> Sealing:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SEAL_FILE).write_text(FolderSeal("model/test", b"wrapped").to_json())
    sealing = Sealing.of(folder, KEY)
    assert sealing is not None
    return sealing


def test_sealed_tensors_come_back_and_are_a_safetensors_file_inside(tmp_path: Path) -> None:
    sealing = sealed_folder(tmp_path)
    path = tmp_path / "model.safetensors"
    write_tensors(path, TENSORS, sealing, {"format": "pt"})
    assert not path.exists()
    back = read_tensors(path, sealing)
    with sealing.open(path) as file:
        parsed = parse_safetensors(file.read())
    for found in (back, parsed):
        assert found.keys() == TENSORS.keys()
        assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


def test_a_file_of_another_name_or_key_does_not_open(tmp_path: Path) -> None:
    sealing = sealed_folder(tmp_path)
    write_tensors(tmp_path / "weights.safetensors", TENSORS, sealing)
    (tmp_path / "weights.safetensors.sealed").rename(tmp_path / "best.safetensors.sealed")
    with pytest.raises(SealBroken, match="wrong key or context"):
        read_tensors(tmp_path / "best.safetensors", sealing)
    with pytest.raises(SealBroken, match="wrong key or context"):
        read_tensors(tmp_path / "best.safetensors", Sealing(bytes(32), "model/test"))


def test_a_sealed_model_is_the_model_it_was_sealed_from(tmp_path: Path) -> None:
    plain = make_tiny_llama(tmp_path / "plain")
    model = load_causal_model(plain, None, torch.float32)
    sealing = sealed_folder(tmp_path / "sealed")
    for name in ("config.json", "generation_config.json"):
        (tmp_path / "sealed" / name).write_bytes((plain / name).read_bytes())
    state = state_without_copies(model)
    write_tensors(tmp_path / "sealed" / "model.safetensors", state, sealing)
    opened = load_causal_model(tmp_path / "sealed", KEY, torch.float32)
    ids = torch.arange(12)[None] % model.config.vocab_size
    with torch.inference_mode():
        assert torch.equal(opened(ids).logits, model(ids).logits)
    assert opened.generation_config.eos_token_id == model.generation_config.eos_token_id


def test_weights_that_share_memory_are_written_once(tmp_path: Path) -> None:
    model = load_causal_model(make_tiny_llama(tmp_path / "tied"), None, torch.float32)
    model.config.tie_word_embeddings = True
    model.tie_weights()
    state = state_without_copies(model)
    save_file(state, tmp_path / "f.safetensors")  # it refuses shared memory
    tied = {"lm_head.weight", "model.embed_tokens.weight"}
    assert len(tied & state.keys()) == 1
