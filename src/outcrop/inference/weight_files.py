"""Weights on disk, in clear or sealed: reading and writing safetensors, and loading a model from them.

Imports torch: for workers and engines only. A sealed file is read tensor by tensor, so that at no time more than one
tensor is in memory twice.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from outcrop.core.errors import SealBroken
from outcrop.crypto.sealed import SealedFile
from outcrop.crypto.sealed_folder import SUFFIX, Sealing

_LARGEST_HEADER_BYTES = 100_000_000  # safetensors' own limit
# Names of safetensors' format.
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def read_tensors(path: Path, sealing: Sealing | None) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file.

    Args:
        path: its name in clear.
        sealing: opens `path`.sealed; None where the file is in clear.

    Raises:
        OSError: the file is not there.
        SealBroken: wrong key, or the file was changed.
    """
    if sealing is None:
        from safetensors.torch import load_file

        return load_file(path)
    with sealing.open(path) as file:
        return _read_sealed(file)


def _read_sealed(file: SealedFile) -> dict[str, Tensor]:
    (header_bytes,) = struct.unpack("<Q", file.read(0, 8))
    if header_bytes > min(_LARGEST_HEADER_BYTES, file.size_bytes):
        raise SealBroken("the sealed file is no safetensors file")
    header: dict[str, Any] = json.loads(file.read(8, header_bytes))  # Any: safetensors' JSON
    header.pop("__metadata__", None)
    tensors: dict[str, Tensor] = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        data = bytearray(file.read(8 + header_bytes + start, end - start))
        dtype = _DTYPES[entry["dtype"]]
        flat = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        tensors[name] = flat.view(entry["shape"])
    return tensors


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    sealing: Sealing | None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a safetensors file.

    Args:
        path: its name in clear.
        tensors: on any device; no two share memory.
        sealing: makes `path`.sealed of it; None to leave it in clear.
        metadata: of the file.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    if sealing is None:
        from safetensors.torch import save_file

        save_file(whole, path, metadata=dict(metadata) if metadata else None)
        return
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    # As safetensors does: wide types first, so that every tensor lies on a multiple of its width.
    names = sorted(whole, key=lambda name: (-whole[name].element_size(), name))
    at = 0
    for name in names:
        tensor = whole[name]
        end = at + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [at, end],
        }
        at = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    with sealing.writing(path) as sealer:
        sealer.update(struct.pack("<Q", len(encoded)) + encoded)
        for name in names:
            sealer.update(whole[name].flatten().view(torch.uint8).numpy().tobytes())


def load_causal_model(folder: Path, key: bytes | None, dtype: torch.dtype) -> Any:
    """Return the causal language model of a Hugging Face folder; no code of it is run.

    Args:
        folder: config.json and *.safetensors, those sealed where a key is given.
        key: of the folder, or None where it is not sealed.
        dtype: of the weights in memory.

    Raises:
        OSError, ValueError, KeyError: what transformers raises for unusable folders.
        SealBroken: wrong key, or a file was changed.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    sealing = Sealing.of(folder, key)
    if sealing is None:
        return AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=dtype,
        )
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    state: dict[str, Tensor] = {}
    for path in sorted(folder.glob(f"*.safetensors{SUFFIX}")):
        state |= read_tensors(path.with_name(path.name.removesuffix(SUFFIX)), sealing)
    model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False, dtype=dtype)
    unmatched = model.load_state_dict(state, strict=False)
    model.tie_weights()
    tied = model.state_dict(keep_vars=True)
    loaded = {tied[name].data_ptr() for name in state if name in tied}
    missing = [name for name in unmatched.missing_keys if tied[name].data_ptr() not in loaded]
    if missing or unmatched.unexpected_keys:
        raise ValueError(f"its weights do not fit: {[*missing, *unmatched.unexpected_keys][:3]}")
    model.eval()
    if (folder / "generation_config.json").exists():
        model.generation_config = GenerationConfig.from_pretrained(folder, local_files_only=True)
    return model


def state_without_copies(model: Any) -> dict[str, Tensor]:
    """Return a model's weights by name, each shared one once: what its safetensors file holds."""
    kept: dict[str, Tensor] = {}
    seen: set[tuple[int, torch.Size]] = set()
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tensor.shape)
        if tensor.numel() and place in seen:
            continue
        seen.add(place)
        kept[name] = tensor
    return kept
