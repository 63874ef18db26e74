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
class TrainingText:
    """Token ids, each read once from the start.

    Attributes:
        tokens: for all phases but the last.
        long_tokens: for the phase of long rows.
    """

    tokens: np.ndarray
    long_tokens: np.ndarray


@dataclass(frozen=True, slots=True)
class Phase:
    """Neighbouring steps with rows of one length.

    Attributes:
        steps: number of steps.
        row_length: tokens of a row.
        is_long: the rows come from the text for long rows.
    """

    steps: int
    row_length: int
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Cycle:
    """Neighbouring steps whose learning rates rise, stay and fall to zero.

    Attributes:
        until: first step after the cycle.
        warmup_steps: steps of linear rise.
        decay_steps: last steps, of linear fall.
    """

    until: int
    warmup_steps: int
    decay_steps: int


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Everything that decides the result of a training run besides the text.

    Attributes:
        phases: row lengths in order; their steps add up to the steps on text.
        cycles: learning rate cycles in order.
        restarts: steps before which the weights are rounded and the optimizers start anew, so
            that a run resumed from a checkpoint of weights equals one that was never stopped.
        tokens_per_step: tokens in one update; a multiple of every row length.
        repeat_steps: steps before all others, on random runs written twice; they count
            from ``-repeat_steps`` to -1.
        repeat_length: row length in those.
        matrix_rate: peak learning rate of Muon.
        other_rate: peak learning rate of Adam, for embeddings and norms.
        seed: of the initial weights.
        threads: torch threads; another number changes the sums and so the hash.
    """

    phases: tuple[Phase, ...] = (
        Phase(3000, 256),
        Phase(1000, 512),
        Phase(500, 2048, is_long=True),
    )
    cycles: tuple[Cycle, ...] = (Cycle(4500, 30, 1800),)
    restarts: tuple[int, ...] = (1500, 2700)
    tokens_per_step: int = 2048
    repeat_steps: int = 90
    repeat_length: int = 128
    matrix_rate: float = 0.01
    other_rate: float = 0.003
    seed: int = 20
    threads: int = 2

    @classmethod
    def short(cls) -> TrainingPlan:
        """Return a plan of a few steps of every kind, for checking that builds are equal."""
        phases = (Phase(2, 256), Phase(2, 512), Phase(2, 2048, is_long=True))
        return cls(phases=phases, cycles=(Cycle(6, 2, 2),), restarts=(3,), repeat_steps=2)

    @property
    def steps(self) -> int:
        """Steps on text."""
        return sum(phase.steps for phase in self.phases)

    def token_count(self, *, is_long: bool) -> int:
        """Return how many tokens the run reads of one of the two texts."""
        steps = sum(phase.steps for phase in self.phases if phase.is_long == is_long)
        return steps * self.tokens_per_step + 1

    def rate_factor(self, step: int) -> float:
        """Return the share of the peak learning rate at a step."""
        begin = -self.repeat_steps
        for cycle in self.cycles:
            if step < cycle.until:
                rise = (step - begin + 1) / cycle.warmup_steps
                return min(1.0, rise, (cycle.until - step) / cycle.decay_steps)
            begin = cycle.until
        raise ValueError(f"step {step} lies beyond the last cycle")


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


class _Optimizers:
    """Muon for the matrices of the layers, Adam for embeddings and norms."""

    def __init__(self, model: LlamaForCausalLM, plan: TrainingPlan) -> None:
        weights = list(model.named_parameters())
        self._model, self._plan = model, plan
        self._muon = Muon([w for n, w in weights if w.dim() == 2 and "embed" not in n])
        others = [w for n, w in weights if w.dim() != 2 or "embed" in n]
        self._adam = torch.optim.AdamW(
            others, lr=plan.other_rate, betas=(0.9, 0.97), weight_decay=0.0
        )

    def step(self, loss: torch.Tensor, factor: float) -> None:
        """Update all weights at ``factor`` of the peak rates."""
        torch.autograd.backward(loss)
        for group in self._adam.param_groups:
            group["lr"] = self._plan.other_rate * factor
        self._muon.step(self._plan.matrix_rate * factor)
        self._adam.step()
        self._model.zero_grad(set_to_none=True)


def train(
    model: LlamaForCausalLM,
    plan: TrainingPlan,
    text: TrainingText,
    report: Callable[[int, float, LlamaForCausalLM], None],
    resume_step: int | None = None,
) -> None:
    """Train ``model`` in place.

    Args:
        model: float32 weights.
        plan: steps, lengths and rates.
        text: the tokens to read.
        report: called with step, loss and model every 50 steps, before restarts and at the end.
        resume_step: one of ``plan.restarts``, when the weights are those reported before it.

    Raises:
        ValueError: if there are fewer tokens than the plan reads.
    """
    first = -plan.repeat_steps if resume_step is None else resume_step
    batches = _batches(plan, text, model.config.vocab_size)
    for _ in range(first + plan.repeat_steps):
        next(batches)
    optimizers = _Optimizers(model, plan)
    model.train()
    for step in range(first, plan.steps):
        if step in plan.restarts:
            round_weights(model)
            optimizers = _Optimizers(model, plan)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = token_losses(model, next(batches)).mean()
        optimizers.step(loss, plan.rate_factor(step))
        if step % 50 == 0 or step + 1 in {*plan.restarts, plan.steps}:
            report(step, loss.item(), model)
    model.eval()


@torch.no_grad()
def round_weights(model: LlamaForCausalLM) -> None:
    """Round all weights to what a saved checkpoint holds, bfloat16."""
    for weight in model.parameters():
        weight.copy_(weight.to(torch.bfloat16))


def _batches(
    plan: TrainingPlan, text: TrainingText, vocabulary_size: int
) -> Iterator[torch.Tensor]:
    """Yield token rows of shape [B, T + 1]; neighbouring rows share one token."""
    generator = torch.Generator().manual_seed(plan.seed)
    for _ in range(plan.repeat_steps):
        count = plan.tokens_per_step // plan.repeat_length
        yield repeated_rows(generator, count, plan.repeat_length + 1, _FIRST_ID, vocabulary_size)
    positions = {False: 0, True: 0}
    for phase in plan.phases:
        source = text.long_tokens if phase.is_long else text.tokens
        for _ in range(phase.steps):
            at = positions[phase.is_long]
            piece = source[at : at + plan.tokens_per_step + 1]
            if len(piece) <= plan.tokens_per_step:
                raise ValueError(
                    f"a step needs {plan.tokens_per_step + 1} tokens, {len(piece)} left"
                )
            starts = range(0, plan.tokens_per_step, phase.row_length)
            rows = np.stack([piece[start : start + phase.row_length + 1] for start in starts])
            positions[phase.is_long] = at + plan.tokens_per_step
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
