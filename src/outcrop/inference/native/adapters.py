"""LoRA adapters on one model, chosen row by row, so that base and customized requests share a batch.

An adapter adds `x Aᵀ Bᵀ · scale` to the output of the linear layers it names (Hu et al. 2021, arXiv:2106.09685);
the model's own weights are never touched. Reads PEFT's format: adapter_config.json and adapter_model.safetensors.
"""

import json
import math
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

from outcrop.core.errors import EngineError, SealBroken
from outcrop.crypto.sealed_folder import Sealing
from outcrop.inference.weight_files import read_tensors

_KEY = re.compile(r"^base_model\.model\.(?P<module>.+)\.lora_(?P<part>[AB])(?:\.default)?\.weight$")
_CAPACITY = 32


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter in memory.

    Attributes:
        folder: where it was read from; its identity.
        factors: for each adapted module, A [rank, in] and B [out, rank], B scaled.
    """

    folder: str
    factors: dict[str, tuple[Tensor, Tensor]]


class AdapterSet:
    """The adapters of one model; the least recently used go when there are too many.

    Args:
        model: its linear layers get forward hooks as adapters name them.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._loaded: OrderedDict[str, Adapter] = OrderedDict()
        self._hooked: set[str] = set()
        self._active: list[tuple[Adapter, Tensor | None]] = []

    def load(self, folder: str, key: bytes | None = None) -> Adapter:
        """Return an adapter, read from its folder unless it is in memory.

        Args:
            folder: PEFT's; the adapter's identity.
            key: of the folder where it is sealed.

        Raises:
            EngineError: the folder is unreadable, uses what is not LoRA on linear layers, or does not fit.
        """
        adapter = self._loaded.get(folder)
        if adapter is None:
            adapter = self._read(folder, key)
            for name in adapter.factors.keys() - self._hooked:
                module = self._model.get_submodule(name)
                module.register_forward_hook(partial(self._add_deltas, name))
                self._hooked.add(name)
            self._loaded[folder] = adapter
        self._loaded.move_to_end(folder)
        while len(self._loaded) > _CAPACITY:
            self._loaded.popitem(last=False)
        return adapter

    def activate(self, rows: Sequence[Adapter | None]) -> None:
        """Say which adapter each row of the next forward passes uses."""
        by_folder: dict[str, list[int]] = {}
        chosen: dict[str, Adapter] = {}
        for row, adapter in enumerate(rows):
            if adapter is not None:
                by_folder.setdefault(adapter.folder, []).append(row)
                chosen[adapter.folder] = adapter
        device = next(self._model.parameters()).device
        self._active = [
            (
                chosen[folder],
                None if len(indices) == len(rows) else torch.tensor(indices, device=device),
            )
            for folder, indices in by_folder.items()
        ]

    def _add_deltas(
        self, name: str, _: nn.Module, inputs: tuple[Tensor, ...], output: Tensor
    ) -> Tensor:
        for adapter, rows in self._active:
            factors = adapter.factors.get(name)
            if factors is None:
                continue
            down, up = factors
            if rows is None:
                output = output + F.linear(F.linear(inputs[0], down), up)
            else:
                delta = F.linear(F.linear(inputs[0][rows], down), up)
                output = output.index_add(0, rows, delta)
        return output

    def _read(self, folder: str, key: bytes | None) -> Adapter:
        try:
            config = json.loads((Path(folder) / "adapter_config.json").read_text())
            sealing = Sealing.of(Path(folder), key)
            tensors = read_tensors(Path(folder) / "adapter_model.safetensors", sealing)
        except (OSError, ValueError, SealBroken) as error:
            raise EngineError(
                f"the adapter in {Path(folder).name} cannot be read: {error}"
            ) from error
        _check_kind(config)
        pairs: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            matched = _KEY.match(name)
            if matched is None:
                raise EngineError(f"the adapter holds {name}, which is not LoRA on a linear layer")
            pairs.setdefault(matched["module"], {})[matched["part"]] = tensor
        return Adapter(
            folder, {name: self._fit(name, pair, config) for name, pair in pairs.items()}
        )

    def _fit(
        self,
        name: str,
        pair: dict[str, Tensor],
        config: dict[str, Any],  # Any: PEFT's JSON
    ) -> tuple[Tensor, Tensor]:
        try:
            weight = self._model.get_submodule(name).weight
        except AttributeError as error:
            raise EngineError(f"the adapter names {name}, which the model does not have") from error
        assert isinstance(weight, Tensor)
        if pair.keys() != {"A", "B"}:
            raise EngineError(f"the adapter has half of the pair for {name}")
        down, up = pair["A"], pair["B"]
        if {down.shape[1], up.shape[0]} != set(weight.shape) or down.shape[0] != up.shape[1]:
            raise EngineError(
                f"the adapter's {name} is {list(up.shape)} x {list(down.shape)},"
                f" the model's layer is {list(weight.shape)}"
            )
        rank = down.shape[0]
        alpha = _pattern_value(config.get("alpha_pattern") or {}, name, config["lora_alpha"])
        scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
        return down.to(weight), (up.float() * scale).to(weight)


def _check_kind(config: dict[str, Any]) -> None:  # Any: PEFT's JSON
    """Refuse what the hooks would silently leave out."""
    if config.get("peft_type") != "LORA":
        raise EngineError(f"adapters of type {config.get('peft_type')} are not served; use LoRA")
    if (
        config.get("use_dora")
        or config.get("bias", "none") != "none"
        or config.get("modules_to_save")
    ):
        raise EngineError(
            "adapters with DoRA, biases or saved modules are not served; use plain LoRA"
        )


def _pattern_value(pattern: dict[str, float], name: str, default: float) -> float:
    for key, value in pattern.items():
        if re.match(rf"(.*\.)?({key})$", name):
            return value
    return default
