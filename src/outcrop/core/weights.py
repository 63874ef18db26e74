"""What an engine loads and a job trains: a base folder and, optionally, an adapter on it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Weights:
    """Model weights on disk.

    Attributes:
        base: Hugging Face folder (config.json, *.safetensors, tokenizer).
        adapter: PEFT folder (adapter_config.json, adapter_model.safetensors) on that base, or None.
    """

    base: Path
    adapter: Path | None = None
