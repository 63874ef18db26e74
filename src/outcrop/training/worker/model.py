"""The model under training: loaded from a Hugging Face folder, run on packs.

Only safetensors are read and no code from the folder is run. Shapes: _T tokens, _N labelled tokens, _V vocabulary,
_H heads, _D features of a head.
"""

import inspect
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn

from outcrop.core.errors import JobFailed
from outcrop.inference.weight_files import load_causal_model
from outcrop.training.worker.batches import Pack, PackLimits

_SEGMENT_ATTENTION = "outcrop_segments"
_PACK_TOKENS = 4096
_PACK_LOGITS = 128 * 1024**2  # elements: half a GiB in fp32


def prepare_numerics(threads: int) -> torch.device:
    """Make this process compute the same bits every time, and return the device it computes on."""
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # Some CUDA kernels have no deterministic form; on a CPU every operation must have one.
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    # A debugging aid that comes with it: it would fill every new tensor before the tensor is written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return device


@dataclass(slots=True)
class LanguageModel:
    """A causal language model and how it takes its input.

    Attributes:
        module: the transformers model.
        device: where it lies.
        limits: size of the packs it is given; one row each if it cannot keep rows apart.
        picks_positions: whether its forward pass can leave out the head for unlabelled positions.
    """

    module: Any  # Any: transformers' models are untyped here
    device: torch.device
    limits: PackLimits
    picks_positions: bool

    @property
    def is_packed(self) -> bool:
        """Whether several rows go through the model in one stream."""
        return self.limits.rows > 1

    def logits(self, pack: Pack) -> Tensor:
        """Return the logits of the labelled tokens, [N, V]."""
        pack = pack.to(self.device)
        options: dict[str, Any] = {}  # Any: keyword arguments of transformers' forward
        if self.is_packed:
            options["segment_boundaries"] = pack.boundaries
        if self.picks_positions:
            options["logits_to_keep"] = pack.predicting_N
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            output_1_N_V: Tensor = self.module(
                input_ids=pack.ids_T[None],
                position_ids=pack.positions_T[None],
                use_cache=False,
                **options,
            ).logits
        logits_NV = output_1_N_V[0]
        return logits_NV if self.picks_positions else logits_NV[pack.predicting_N]


def load_model(
    folder: Path, device: torch.device, *, frozen: bool, key: bytes | None = None
) -> LanguageModel:
    """Load the model of a Hugging Face folder.

    Args:
        folder: config.json, *.safetensors.
        device: where to put it.
        frozen: no weight of it will be trained, so that a GPU may hold it in bfloat16.
        key: of the folder where it is sealed.

    Raises:
        JobFailed: the folder holds no causal language model that can be read safely.
    """
    from transformers import AttentionInterface
    from transformers.utils import logging

    logging.disable_progress_bar()
    AttentionInterface.register(_SEGMENT_ATTENTION, _segment_attention)
    dtype = torch.bfloat16 if frozen and device.type == "cuda" else torch.float32
    try:
        module = load_causal_model(folder, key, dtype)
    except (OSError, ValueError, KeyError) as error:
        raise JobFailed(f"The base model in {folder.name} cannot be loaded: {error}") from error
    module.to(device)
    module.requires_grad_(not frozen)
    vocabulary = module.get_input_embeddings().num_embeddings
    labels = max(64, _PACK_LOGITS // vocabulary)
    picks = "logits_to_keep" in inspect.signature(module.forward).parameters
    model = LanguageModel(module, device, PackLimits(_PACK_TOKENS, labels, 1), picks)
    if _use_packing(model, vocabulary):
        model.limits = PackLimits(_PACK_TOKENS, labels, 1_000_000)
    return model


def _use_packing(model: LanguageModel, vocabulary: int) -> bool:
    """Switch to the attention that keeps packed rows apart, if the model then computes what it did before.

    Models differ in more ways than can be listed (recurrent layers, position biases, attention sinks), so the
    proof is a trial: two short rows packed must give the logits they give alone.
    """
    if not getattr(model.module, "_supports_attention_backend", False) or not model.picks_positions:
        return False
    if getattr(model.module.config, "attn_logit_softcapping", None):
        return False
    rows = [(torch.arange(length) * 7919 + length) % vocabulary for length in (19, 13)]
    alone = [_trial_pack([row]) for row in rows]
    with torch.no_grad():
        model.module.eval()
        expected = torch.cat([model.logits(pack) for pack in alone]).float()
        original = model.module.config._attn_implementation  # noqa: SLF001  # has no public reader
        model.module.set_attn_implementation(_SEGMENT_ATTENTION)
        model.limits = PackLimits(_PACK_TOKENS, _PACK_TOKENS, len(rows))
        try:
            packed = model.logits(_trial_pack(rows)).float()
        except (TypeError, RuntimeError, ValueError):
            packed = torch.full_like(expected, torch.inf)
    tolerance = (0.05 if model.device.type == "cuda" else 1e-4) * expected.abs().max()
    if (packed - expected).abs().max() <= tolerance:
        return True
    model.module.set_attn_implementation(original)
    model.limits = PackLimits(_PACK_TOKENS, _PACK_TOKENS, 1)
    return False


def _trial_pack(rows: list[Tensor]) -> Pack:
    ids_T = torch.cat(rows)
    boundaries = [0]
    for row in rows:
        boundaries.append(boundaries[-1] + row.numel())
    every = torch.arange(ids_T.numel())
    return Pack(
        ids_T,
        torch.cat([torch.arange(row.numel()) for row in rows]),
        tuple(boundaries),
        every,
        every,
    )


def _segment_attention(  # noqa: PLR0913  # transformers decides what it is given
    module: nn.Module,
    query_1_H_T_D: Tensor,
    key_1_H_T_D: Tensor,
    value_1_H_T_D: Tensor,
    attention_mask: Tensor | None,
    *,
    segment_boundaries: tuple[int, ...] | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,  # Any: what transformers hands to every attention
) -> tuple[Tensor, None]:
    """Causal attention within each segment of a stream; returns [1, T, H, D].

    A loop over segments costs the sum of their squares, where a block mask over the stream costs the square of
    the sum.
    """
    del module, attention_mask
    bounds = segment_boundaries or (0, query_1_H_T_D.shape[2])
    lengths = [end - start for start, end in pairwise(bounds)]
    # split, not slices: its backward pass is one concatenation instead of a zero-filled stream per segment
    streams = (query_1_H_T_D, key_1_H_T_D, value_1_H_T_D)
    segments = zip(*(torch.split(item, lengths, dim=2) for item in streams), strict=True)
    outputs = []
    for query, key, value in segments:
        tokens = query.shape[2]
        window = None
        if sliding_window is not None and tokens > sliding_window:
            window = _window_mask(tokens, sliding_window, query.device)
        outputs.append(
            F.scaled_dot_product_attention(
                query,
                key,
                value,
                attn_mask=window,
                is_causal=window is None,
                dropout_p=dropout,
                scale=scaling,
                enable_gqa=query.shape[1] != key.shape[1],
            )
        )
    return torch.cat(outputs, dim=2).transpose(1, 2), None


def _window_mask(tokens: int, window: int, device: torch.device) -> Tensor:
    distance = torch.arange(tokens, device=device)[:, None] - torch.arange(tokens, device=device)
    return (distance >= 0) & (distance < window)
