"""The pretraining loop: seeded, two threads, the same weights on every run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from base_model.chat import SPECIAL_TOKENS
from base_model.copying_start import plant_copying, repeated_rows
from base_model.muon import Muon

_EMBEDDING_STD = 0.03
_FIRST_ID = len(SPECIAL_TOKENS)
_HEAD_CHUNK = 2048
"""Positions whose logits are held at once; [2048, 4096] in float32 is 34 MB."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Everything that decides the result of a training run besides the text.

    Attributes:
        steps: updates on text.
        tokens_per_step: tokens in one update; a multiple of every row length.
        repeat_steps: steps before all others, on random runs written twice.
        repeat_length: row length in those.
        short_length: row length in the first ``short_share`` of the steps.
        row_length: row length in the middle.
        long_length: row length in the last ``long_share`` of the steps.
        matrix_rate: peak learning rate of Muon.
        other_rate: peak learning rate of Adam, for embeddings and norms.
        warmup_steps: steps of linear rise.
        decay_share: last share of the steps in which the rates fall linearly to zero.
        seed: of the initial weights.
        threads: torch threads; another number changes the sums and so the hash.
    """

    steps: int
    tokens_per_step: int = 2048
    repeat_steps: int = 90
    repeat_length: int = 128
    short_length: int = 256
    short_share: float = 0.5
    row_length: int = 512
    long_length: int = 2048
    long_share: float = 0.1
    matrix_rate: float = 0.01
    other_rate: float = 0.003
    warmup_steps: int = 30
    decay_share: float = 0.5
    seed: int = 20
    threads: int = 2

    def row_length_at(self, step: int) -> int:
        """Return the row length of a step counted from 0."""
        if step < self.steps * self.short_share:
            return self.short_length
        return self.long_length if self.is_long(step) else self.row_length

    def is_long(self, step: int) -> bool:
        """Say whether a step belongs to the last phase, of long rows."""
        return step >= self.long_from

    @property
    def long_from(self) -> int:
        """First step of the phase of long rows."""
        return self.steps - self.long_steps

    @property
    def long_steps(self) -> int:
        """Number of steps in the phase of long rows."""
        return round(self.steps * self.long_share)

    def rate_factor(self, step: int) -> float:
        """Return the share of the peak learning rate; steps on repeats have negative numbers."""
        rise = (step + self.repeat_steps + 1) / self.warmup_steps
        fall = (self.steps - step) / (self.steps * self.decay_share)
        return min(1.0, rise, fall)


def model_config(vocabulary_size: int, eos_id: int, bos_id: int, pad_id: int) -> LlamaConfig:
    """Return the configuration of the bundled model."""
    return LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=2048,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        tie_word_embeddings=True,
        attention_bias=False,
        bos_token_id=bos_id,
        eos_token_id=eos_id,
        pad_token_id=pad_id,
        attention_dropout=0.0,
        attn_implementation="sdpa",
    )


def new_model(config: LlamaConfig, seed: int) -> LlamaForCausalLM:
    """Return a model with fresh weights: branches without output, but for the copying circuit."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "embed_tokens" in name:
                weight.normal_(0.0, _EMBEDDING_STD)
            elif name.endswith(("o_proj.weight", "down_proj.weight")):
                weight.zero_()
            elif weight.dim() == 2:
                weight.normal_(0.0, weight.size(1) ** -0.5)
    plant_copying(model, _EMBEDDING_STD)
    return model


def make_repeatable(threads: int) -> None:
    """Fix thread count and algorithms of torch for this process."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)
    # Nothing here reads fresh memory, so filling it first would only cost time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def token_losses(model: LlamaForCausalLM, rows: torch.Tensor) -> torch.Tensor:
    """Return the loss of every token but the first of each row.

    Args:
        model: the model to ask.
        rows: token ids, shape [B, T].

    Returns:
        Losses in nats, shape [B, T - 1].
    """
    hidden = model.model(rows[:, :-1], use_cache=False).last_hidden_state
    flat, targets = hidden.flatten(0, 1), rows[:, 1:].flatten()
    head = model.lm_head.weight
    losses = [
        functional.cross_entropy(functional.linear(part, head), target, reduction="none")
        for part, target in zip(
            torch.split(flat, _HEAD_CHUNK), torch.split(targets, _HEAD_CHUNK), strict=True
        )
    ]
    return torch.cat(losses).view(rows.size(0), -1)


def train(
    model: LlamaForCausalLM,
    plan: TrainingPlan,
    tokens: np.ndarray,
    long_tokens: np.ndarray,
    report: Callable[[int, float, LlamaForCausalLM], None],
) -> None:
    """Train ``model`` in place.

    Args:
        model: float32 weights.
        plan: steps, lengths and rates.
        tokens: token ids for the first phases, read once from the start.
        long_tokens: token ids for the phase of long rows.
        report: called with step, loss and model every 50 steps and at the end.

    Raises:
        ValueError: if there are fewer tokens than the plan reads.
    """
    matrices = [w for n, w in model.named_parameters() if w.dim() == 2 and "embed" not in n]
    others = [w for n, w in model.named_parameters() if w.dim() != 2 or "embed" in n]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, lr=plan.other_rate, betas=(0.9, 0.97), weight_decay=0.0)
    batches = _batches(plan, tokens, long_tokens, model.config.vocab_size)
    model.train()
    for step in range(-plan.repeat_steps, plan.steps):
        loss = token_losses(model, next(batches)).mean()
        torch.autograd.backward(loss)
        factor = plan.rate_factor(step)
        for group in adam.param_groups:
            group["lr"] = plan.other_rate * factor
        muon.step(plan.matrix_rate * factor)
        adam.step()
        model.zero_grad(set_to_none=True)
        if step % 50 == 0 or step == plan.steps - 1:
            report(step, loss.item(), model)
    model.eval()


def _batches(
    plan: TrainingPlan, tokens: np.ndarray, long_tokens: np.ndarray, vocabulary_size: int
) -> Iterator[torch.Tensor]:
    """Yield token rows of shape [B, T + 1]; neighbouring rows share one token."""
    generator = torch.Generator().manual_seed(plan.seed)
    for _ in range(plan.repeat_steps):
        count = plan.tokens_per_step // plan.repeat_length
        yield repeated_rows(generator, count, plan.repeat_length + 1, _FIRST_ID, vocabulary_size)
    position, source = 0, tokens
    for step in range(plan.steps):
        if step == plan.long_from:
            position, source = 0, long_tokens
        length = plan.row_length_at(step)
        count = plan.tokens_per_step // length
        piece = source[position : position + plan.tokens_per_step + 1]
        if len(piece) <= plan.tokens_per_step:
            raise ValueError(
                f"step {step} needs {plan.tokens_per_step + 1} tokens, {len(piece)} left"
            )
        rows = np.stack([piece[row * length : (row + 1) * length + 1] for row in range(count)])
        position += plan.tokens_per_step
        yield torch.from_numpy(rows.astype(np.int64))


def bits_per_character(
    model: LlamaForCausalLM, documents: list[list[int]], characters: int
) -> float:
    """Return the mean code length of documents in bits per character.

    Args:
        model: the model to measure.
        documents: token ids, each starting with the begin token, which costs nothing.
        characters: characters that the ids after the begin tokens stand for.
    """
    with torch.inference_mode():
        nats = sum(token_losses(model, torch.tensor([ids])).sum().item() for ids in documents)
    return nats / math.log(2) / characters


def clock() -> float:
    """Return seconds on a clock that never goes back, for progress lines."""
    return time.monotonic()
