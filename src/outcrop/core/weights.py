"""What an engine loads and a job trains: a base folder and, optionally, an adapter on it."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Weights:
    """Model weights on disk.

    Attributes:
        base: Hugging Face folder (config.json, *.safetensors, tokenizer).
        adapter: PEFT folder (adapter_config.json, adapter_model.safetensors) on that base, or None.
        base_key: opens the base folder's sealed files; None where they are in clear.
        adapter_key: the same for the adapter.
    """

    base: Path
    adapter: Path | None = None
    base_key: bytes | None = field(default=None, repr=False)
    adapter_key: bytes | None = field(default=None, repr=False)
