"""Low-rank adapters on every linear layer but the head, saved in PEFT's format.

Own modules instead of PEFT's, because two fused products per layer and direction are faster on a CPU and the
library's import costs a second; the files are those that `peft.PeftModel.from_pretrained` reads, held by a test.
Shapes: _T tokens, _I input features, _O output features, _R rank.

Source: Hu et al. 2021, arXiv:2106.09685.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from outcrop.core.errors import JobFailed
from outcrop.crypto.sealed_folder import Sealing
from outcrop.inference.weight_files import read_tensors, write_tensors

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."


@dataclass(frozen=True, slots=True)
class AdapterShape:
    """Rank, scale (alpha / rank) in PEFT's terms, and dropout on the adapter's input."""

    rank: int
    alpha: float
    dropout: float


class LowRankLinear(nn.Module):
    """A frozen linear layer plus the trainable product B A of two thin matrices.

    Args:
        frozen: the layer it replaces: nn.Linear, or GPT-2's Conv1D, which stores its weight transposed.
        shape: rank, scale, dropout.
        generator: draws A uniformly from ±1/√I; B starts at zero, so the model starts unchanged.
    """

    def __init__(self, frozen: nn.Module, shape: AdapterShape, generator: torch.Generator) -> None:
        super().__init__()
        self.frozen = frozen
        self.dropout = shape.dropout
        self.scale = shape.alpha / shape.rank
        weight: Tensor = frozen.weight  # type: ignore[assignment]  # nn.Module types members as unions
        self.is_transposed = isinstance(frozen, Conv1D)
        outputs, inputs = reversed(weight.shape) if self.is_transposed else weight.shape
        bound = 1 / math.sqrt(inputs)
        start_RI = torch.empty(shape.rank, inputs).uniform_(-bound, bound, generator=generator)
        self.A_RI = nn.Parameter(start_RI.to(weight.device))
        self.B_OR = nn.Parameter(torch.zeros(outputs, shape.rank, device=weight.device))

    def forward(self, x: Tensor) -> Tensor:
        """Return frozen(x) + scale · B A dropout(x); the last dimension is I going in, O coming out."""
        if (self.training and self.dropout > 0) or self.is_transposed or x.device.type != "cpu":
            thin = F.linear(F.dropout(x, self.dropout, self.training), self.A_RI)
            unchanged: Tensor = self.frozen(x)
            return unchanged + F.linear(thin, self.B_OR * self.scale)
        y: Tensor = _LowRankProduct.apply(  # type: ignore[no-untyped-call]  # torch's is untyped
            x, self.frozen.weight, self.frozen.bias, self.A_RI, self.B_OR, self.scale
        )
        return y


class _LowRankProduct(torch.autograd.Function):
    """The same as one operation that keeps only its input and A x, and adds in place."""

    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917  # one argument per operand
        ctx: Any,  # Any: torch's autograd context is untyped
        x: Tensor,
        W_OI: Tensor,
        bias_O: Tensor | None,
        A_RI: Tensor,
        B_OR: Tensor,
        scale: float,
    ) -> Tensor:
        x_TI = x.reshape(-1, x.shape[-1])
        thin_TR = (x_TI @ A_RI.t()).mul_(scale)
        y_TO = F.linear(x_TI, W_OI, bias_O).addmm_(thin_TR, B_OR.t())
        ctx.save_for_backward(x_TI, W_OI, A_RI, B_OR, thin_TR)
        ctx.scale, ctx.shape = scale, x.shape
        return y_TO.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x_TI, W_OI, A_RI, B_OR, thin_TR = ctx.saved_tensors
        g_TO = gradient.reshape(-1, gradient.shape[-1])
        g_thin_TR = (g_TO @ B_OR).mul_(ctx.scale)
        g_x = None
        if ctx.needs_input_grad[0]:  # not for the first layer: nothing below it is trained
            g_x = (g_TO @ W_OI).addmm_(g_thin_TR, A_RI).view(ctx.shape)
        return g_x, None, None, g_thin_TR.t() @ x_TI, g_TO.t() @ thin_TR, None


def add_adapter(model: nn.Module, shape: AdapterShape, seed: int) -> dict[str, nn.Parameter]:
    """Put an adapter on every linear layer but the head; returns its parameters under PEFT's names.

    Args:
        model: a transformers model, frozen.
        shape: of every layer's adapter.
        seed: of the starting values.

    Raises:
        JobFailed: the model has no linear layer to adapt.
    """
    head = model.get_output_embeddings()  # type: ignore[operator]
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D)) and module is not head
    ]
    if not names:
        raise JobFailed("The base model has no linear layers to adapt; use fineTuningMethod full.")
    generator = torch.Generator().manual_seed(seed)
    parameters: dict[str, nn.Parameter] = {}
    for name in names:
        parent_name, _, leaf = name.rpartition(".")
        parent = model.get_submodule(parent_name)
        layer = LowRankLinear(model.get_submodule(name), shape, generator).train(model.training)
        setattr(parent, leaf, layer)
        parameters[f"{_PREFIX}{name}.lora_A.weight"] = layer.A_RI
        parameters[f"{_PREFIX}{name}.lora_B.weight"] = layer.B_OR
    return parameters


def read_adapter(folder: Path, key: bytes | None = None) -> tuple[AdapterShape, dict[str, Tensor]]:
    """Return the shape and the tensors of an adapter that this module saved.

    Args:
        folder: PEFT's.
        key: of the folder where it is sealed.

    Raises:
        JobFailed: it is of a kind that training cannot go on from.
        SealBroken: wrong key, or the weights were changed.
    """
    config = json.loads((folder / CONFIG_FILE).read_text())
    special = ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "modules_to_save")
    odd = [key for key in special if config.get(key)]
    if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none" or odd:
        raise JobFailed(
            f"The adapter to continue from is not plain LoRA ({', '.join(odd) or 'type'})."
        )
    shape = AdapterShape(config["r"], config["lora_alpha"], config.get("lora_dropout", 0.0))
    return shape, read_tensors(folder / WEIGHTS_FILE, Sealing.of(folder, key))


def load_adapter(parameters: dict[str, nn.Parameter], tensors: dict[str, Tensor]) -> None:
    """Copy an adapter's tensors into the parameters of the same names.

    Raises:
        JobFailed: the adapter covers other layers than this model has, or has another rank.
    """
    if set(parameters) != set(tensors):
        raise JobFailed("The adapter to continue from does not cover this base model's layers.")
    for name, parameter in parameters.items():
        if parameter.shape != tensors[name].shape:
            raise JobFailed(f"The adapter to continue from has another shape at {name}.")
        parameter.data.copy_(tensors[name])


def merge_adapter(model: nn.Module, folder: Path, key: bytes | None = None) -> None:
    """Add an adapter's product to the model's own weights, so that all of them can be trained on."""
    shape, tensors = read_adapter(folder, key)
    scale = shape.alpha / shape.rank
    for name, B_OR in tensors.items():
        if not name.endswith(".lora_B.weight"):
            continue
        A_RI = tensors[name.replace(".lora_B.", ".lora_A.")]
        layer = model.get_submodule(name.removeprefix(_PREFIX).removesuffix(".lora_B.weight"))
        change_OI = (B_OR.float() @ A_RI.float()) * scale
        weight: Tensor = layer.weight.data  # type: ignore[assignment]
        change = change_OI.t() if isinstance(layer, Conv1D) else change_OI
        weight.add_(change.to(weight))


def save_adapter(
    folder: Path,
    parameters: dict[str, nn.Parameter],
    shape: AdapterShape,
    base_name: str,
    sealing: Sealing | None = None,
) -> None:
    """Write the two files of a PEFT adapter folder.

    Args:
        folder: made where needed.
        parameters: as returned by add_adapter.
        shape: as given to it.
        base_name: name of the base model, for readers; never a path of this machine.
        sealing: seals the weights; None to leave them in clear.
    """
    folder.mkdir(parents=True, exist_ok=True)
    targets = sorted({name.split(".")[-3] for name in parameters})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "r": shape.rank,
        "lora_alpha": shape.alpha,
        "lora_dropout": shape.dropout,
        "target_modules": targets,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "modules_to_save": None,
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n")
    tensors = {name: item.detach().float() for name, item in parameters.items()}
    write_tensors(folder / WEIGHTS_FILE, tensors, sealing, {"format": "pt"})
