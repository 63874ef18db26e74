"""Bringing a Hugging Face model into the catalogue: what a folder must have, and what is copied of it.

Only data is taken: safetensors, never pickled weights, and no model that brings code of its own.
"""

import errno
import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

from outcrop.core.errors import ModelNotFound, StorageFull
from outcrop.core.models import is_model_id

MANIFEST = "outcrop.json"
_WANTED = (
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.*",
    "*.safetensors",
    "*.safetensors.index.json",
    "LICENSE*",
)
_LARGEST_HEADER_BYTES = 100_000_000  # safetensors' own limit
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


def read_config(folder: Path) -> dict[str, Any]:
    """Return a model's config.json.

    Raises:
        ModelNotFound: it is missing or no JSON object.
    """
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise ModelNotFound(f"{folder} has no readable config.json: {error}") from error
    if not isinstance(config, dict):
        raise ModelNotFound(f"{folder / 'config.json'} is not a JSON object")
    return config


def copy_model(source: str, model_id: str, parent: Path) -> Path:
    """Copy a model into `parent/<model_id>`; half of a copy is never seen under that name.

    Args:
        source: a local folder or a hub id.
        model_id: names the new folder.
        parent: the catalogue's folder.

    Raises:
        ModelNotFound: the id has not AWS's form, or the source is no usable model.
        StorageFull: the disk has no room.
    """
    if not is_model_id(model_id):
        raise ModelNotFound(
            f"{model_id!r} cannot be a model id: it must look like provider.name-v1:0, "
            "in lower-case letters, digits and hyphens"
        )
    incoming = parent / f".incoming-{model_id}"
    shutil.rmtree(incoming, ignore_errors=True)
    parent.mkdir(parents=True, exist_ok=True)
    try:
        if Path(source).is_dir():
            check_model(Path(source))
            _copy_files(Path(source), incoming)
        else:
            _download(source, incoming)
            check_model(incoming)
        for weights in incoming.glob("*.safetensors"):
            _drop_metadata(weights)
        (incoming / MANIFEST).write_text(json.dumps({"source": source}))
        return incoming.rename(parent / model_id)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"no room for the model {source} in {parent}") from error
        raise
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def check_model(folder: Path) -> None:
    """Make sure that a folder holds a model that can be trained and served.

    Raises:
        ModelNotFound: says what is missing or not allowed.
    """
    config = read_config(folder)
    architecture = (config.get("architectures") or [""])[0]
    if not architecture.endswith("ForCausalLM"):
        raise ModelNotFound(
            f"{folder} is a {architecture or 'model without architecture'}: only text models (…ForCausalLM) can be base models"
        )
    if "auto_map" in config:
        raise ModelNotFound(
            f"{folder} brings its own code (auto_map in config.json), which is never run"
        )
    if "quantization_config" in config:
        raise ModelNotFound(f"{folder} is quantized: add the model in fp32, fp16 or bf16")
    if not any(folder.glob("*.safetensors")):
        raise ModelNotFound(
            f"{folder} has no *.safetensors: pickled weights (*.bin, *.pt) are not accepted"
        )
    if not any((folder / name).exists() for name in _TOKENIZERS):
        raise ModelNotFound(f"{folder} has no tokenizer: expected one of {', '.join(_TOKENIZERS)}")
    if not (folder / "tokenizer_config.json").exists():
        raise ModelNotFound(f"{folder} has no tokenizer_config.json")


def _copy_files(source: Path, target: Path) -> None:
    target.mkdir()
    for pattern in _WANTED:
        for file in source.glob(pattern):
            if file.is_file():
                shutil.copyfile(file, target / file.name)


def _drop_metadata(path: Path) -> None:
    """Blank what a safetensors file says beside its tensors.

    Writers put anything there (training commands, data set names, notes), nothing reads it here, and base models lie
    in clear. The header keeps its length, so the tensors stay where they are.

    Raises:
        ModelNotFound: the file is no safetensors file.
    """
    with path.open("r+b") as file:
        try:
            (size_bytes,) = struct.unpack("<Q", file.read(8))
            if size_bytes > _LARGEST_HEADER_BYTES:
                raise ValueError(f"its header would have {size_bytes} bytes")
            header = json.loads(file.read(size_bytes))
            said = header.pop("__metadata__", None) or {}
        except (struct.error, ValueError, AttributeError) as error:
            raise ModelNotFound(f"{path.name} is no safetensors file: {error}") from error
        if said.keys() <= {"format"}:
            return
        if "format" in said:
            header["__metadata__"] = {"format": said["format"]}
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        file.seek(8)
        file.write(text.ljust(size_bytes))
        file.flush()
        os.fsync(file.fileno())


def _download(hub_id: str, target: Path) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        snapshot_download(hub_id, local_dir=target, allow_patterns=list(_WANTED))
    except (HfHubHTTPError, HFValidationError, ConnectionError) as error:
        raise ModelNotFound(
            f"{hub_id} is neither a folder here nor a model that the hub answers for: {error}"
        ) from error
    shutil.rmtree(target / ".cache", ignore_errors=True)
