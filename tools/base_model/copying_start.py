"""Starts a model with the circuit that copies from context, so that training need not find it.

Small models discover in-context copying late: a head that looks one token back has to meet
a head in the next layer that looks for the current token among those "tokens before". Here
both are put into the first weights, for training to reshape:

* every embedding shares one constant coordinate, which the soft-max over the tied head
  ignores, and from which position-only queries and keys are made;
* in layer 0 one key-value head attends one and two tokens back;
* in layer 1 one key-value head matches the current token with the token before each
  position, and writes the token found there.
"""

from __future__ import annotations

import math

import torch
from transformers import LlamaForCausalLM

_CONSTANT_COORDINATE = 0
_KERNEL_SCORES = 5.0
"""Attention logit that each of the fastest rotary frequencies gives to the wanted distance."""

_MATCH_GAIN = 2.0
_LOOK_BACK_GAIN = 0.15
_KERNEL_FREQUENCIES = 6
_SLOW_FROM = 6
"""Rotary frequencies from this index on turn slowly enough to match over 100 tokens."""


@torch.no_grad()
def plant_copying(model: LlamaForCausalLM, embedding_std: float) -> None:
    """Write the copying circuit into freshly drawn weights.

    Args:
        model: with embeddings of standard deviation ``embedding_std`` and at least two layers.
        embedding_std: decides how large the constant coordinate must be.
    """
    config = model.config
    width, size = config.hidden_size, config.head_dim
    embeddings = model.model.embed_tokens.weight
    constant = embedding_std * math.sqrt(width)
    embeddings[:, _CONSTANT_COORDINATE] = constant
    # After normalisation the constant coordinate carries half of the power.
    constant_after_norm = math.sqrt(width / 2)
    frequencies = config.rope_parameters["rope_theta"] ** (-torch.arange(0, size, 2) / size)
    read, write = _orthonormal(size, width), _orthonormal(size, width)
    _plant_look_back(model, frequencies, constant_after_norm, read, write)
    _plant_match(model, read, write)


def repeated_rows(
    generator: torch.Generator, rows: int, length: int, first_id: int, size: int
) -> torch.Tensor:
    """Return rows of random token runs, each run written twice; shape [rows, length].

    Training begins with such rows: nothing but copying lowers their loss, so the planted heads
    settle before other text could wear them away.

    Args:
        generator: source of the draws.
        rows: number of rows.
        length: tokens of a row.
        first_id: smallest id to draw; the special tokens lie below it.
        size: vocabulary size.
    """
    drawn = torch.empty(rows, length, dtype=torch.long)
    for row in drawn:
        at = 0
        while at < length:
            count = int(torch.randint(8, 50, (), generator=generator))
            run = torch.randint(first_id, size, (count,), generator=generator).repeat(2)
            part = run[: length - at]
            row[at : at + len(part)] = part
            at += len(part)
    return drawn


def _plant_look_back(
    model: LlamaForCausalLM,
    frequencies: torch.Tensor,
    constant: float,
    read: torch.Tensor,
    write: torch.Tensor,
) -> None:
    """Make the first two query heads of layer 0 attend one and two tokens back."""
    attention = model.model.layers[0].self_attn
    size, half = 2 * len(frequencies), len(frequencies)
    strength = math.sqrt(_KERNEL_SCORES * math.sqrt(size)) / constant
    key = torch.zeros(size)
    key[:_KERNEL_FREQUENCIES] = strength
    attention.k_proj.weight[:size] = 0.0
    attention.k_proj.weight[:size, _CONSTANT_COORDINATE] = key
    for head, distance in enumerate((1, 2)):
        # A query turned back by `distance` steps meets the keys that lie so far behind it.
        angle = -distance * frequencies
        query = torch.zeros(size)
        query[:half], query[half:] = torch.cos(angle), torch.sin(angle)
        query *= strength
        query[_KERNEL_FREQUENCIES:half] = 0.0
        query[half + _KERNEL_FREQUENCIES :] = 0.0
        rows = slice(head * size, (head + 1) * size)
        attention.q_proj.weight[rows] = 0.0
        attention.q_proj.weight[rows, _CONSTANT_COORDINATE] = query
    attention.v_proj.weight[:size] = read
    attention.o_proj.weight[:, :size] = _LOOK_BACK_GAIN * write.T


def _plant_match(model: LlamaForCausalLM, read: torch.Tensor, write: torch.Tensor) -> None:
    """Make the first query head of layer 1 find where the current token came before."""
    attention = model.model.layers[1].self_attn
    size = read.size(0)
    half = size // 2
    is_slow = torch.zeros(size)
    is_slow[_SLOW_FROM:half] = 1.0
    is_slow[half + _SLOW_FROM :] = 1.0
    attention.q_proj.weight[:size] = _MATCH_GAIN * read * is_slow[:, None]
    attention.k_proj.weight[:size] = _MATCH_GAIN * write * is_slow[:, None]
    copy = _orthonormal(size, read.size(1))
    attention.v_proj.weight[:size] = copy
    attention.o_proj.weight[:, :size] = copy.T


def _orthonormal(rows: int, columns: int) -> torch.Tensor:
    """Return random orthonormal rows that do not read the constant coordinate."""
    drawn = torch.randn(columns - 1, rows)
    basis = torch.linalg.qr(drawn).Q.T
    return torch.cat([torch.zeros(rows, 1), basis], dim=1)
