"""Which records an optimizer step sees, and how they lie in memory: packed end to end, without padding.

Everything is a function of the seed and the step, so a run resumes in the middle of any epoch without a stored
cursor. Shapes: _T tokens of a pack, _N labelled tokens of it.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)  # tensors have no one equality
class Row:
    """One tokenised record.

    Attributes:
        tokens_T: token ids, int32.
        labels_N: indices into tokens_T of the tokens the model shall learn to produce, int32, each at least 1.
    """

    tokens_T: Tensor
    labels_N: Tensor

    @property
    def tokens(self) -> int:
        """Length in tokens."""
        return self.tokens_T.numel()

    @property
    def labels(self) -> int:
        """How many tokens carry a loss."""
        return self.labels_N.numel()


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Several rows as one stream; attention must not cross the boundaries.

    Attributes:
        ids_T: token ids.
        positions_T: position of each token in its own row.
        boundaries: index of each row's first token, and T at the end.
        predicting_N: indices into the stream of the tokens whose successor is labelled.
        targets_N: those successors' ids.
    """

    ids_T: Tensor
    positions_T: Tensor
    boundaries: tuple[int, ...]
    predicting_N: Tensor
    targets_N: Tensor

    def to(self, device: torch.device) -> "Pack":
        """Return the pack on a device."""
        return Pack(
            self.ids_T.to(device),
            self.positions_T.to(device),
            self.boundaries,
            self.predicting_N.to(device),
            self.targets_N.to(device),
        )


@dataclass(frozen=True, slots=True)
class PackLimits:
    """How large a pack may grow; a single row may exceed it.

    Attributes:
        tokens: bounds the memory of activations. 4,096 was fastest on 2 cores for 300-token rows.
        labels: bounds the memory of logits.
        rows: 1 for models that cannot keep rows apart.
    """

    tokens: int
    labels: int
    rows: int


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Return the optimizer steps of one epoch; the last may see fewer rows."""
    return -(-rows // batch_size)


def batch_rows(rows: Sequence[Row], batch_size: int, step: int, seed: int) -> list[Row]:
    """Return the rows of an optimizer step, counted from 1 over all epochs; each epoch has its own order."""
    epoch, index = divmod(step - 1, steps_per_epoch(len(rows), batch_size))
    order = list(range(len(rows)))
    random.Random(f"{seed}/{epoch}").shuffle(order)  # noqa: S311  # reproducible, not secret
    return [rows[position] for position in order[index * batch_size : (index + 1) * batch_size]]


def split_rows(
    rows: Sequence[Row], eval_percentage: float, seed: int
) -> tuple[list[Row], list[Row]]:
    """Return (training, validation) rows; the second holds the share asked for, at least one row."""
    count = min(max(1, round(len(rows) * eval_percentage / 100)), len(rows) - 1)
    held_out = set(random.Random(f"{seed}/split").sample(range(len(rows)), count))  # noqa: S311
    return (
        [row for index, row in enumerate(rows) if index not in held_out],
        [row for index, row in enumerate(rows) if index in held_out],
    )


def packs(rows: Sequence[Row], limits: PackLimits) -> Iterator[Pack]:
    """Yield the rows, in order, in packs as large as the limits allow."""
    current: list[Row] = []
    for row in rows:
        tokens = sum(item.tokens for item in current) + row.tokens
        labels = sum(item.labels for item in current) + row.labels
        full = tokens > limits.tokens or labels > limits.labels or len(current) >= limits.rows
        if current and full:
            yield _pack(current)
            current = []
        current.append(row)
    if current:
        yield _pack(current)


def _pack(rows: Sequence[Row]) -> Pack:
    boundaries = [0]
    for row in rows:
        boundaries.append(boundaries[-1] + row.tokens)
    ids_T = torch.cat([row.tokens_T for row in rows]).long()
    labels_N = torch.cat(
        [row.labels_N.long() + start for row, start in zip(rows, boundaries, strict=False)]
    )
    return Pack(
        ids_T=ids_T,
        positions_T=torch.cat([torch.arange(row.tokens) for row in rows]),
        boundaries=tuple(boundaries),
        predicting_N=labels_N - 1,
        targets_N=ids_T[labels_N],
    )
