"""Muon: momentum whose matrix updates are brought near to orthogonal matrices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration; they raise small singular values fast and leave all near 1."""


def orthogonalize(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Return matrices with the same singular vectors and all singular values near 1.

    Args:
        matrices: batch of matrices, shape [N, rows, columns].
        steps: Newton-Schulz iterations, in bfloat16.

    Source: K. Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    a, b, c = _COEFFICIENTS
    is_tall = matrices.size(1) > matrices.size(2)
    x: torch.Tensor = matrices.mT if is_tall else matrices
    # The iteration corrects itself, so half the bits are enough and take half the time.
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if is_tall else x).float()


class Muon:
    """Updates 2-D weights along the orthogonalized momentum of their gradients.

    Args:
        weights: matrices of hidden layers; no embeddings.
        momentum: share of the old momentum kept in a step.
        weight_decay: decoupled decay, scaled by the learning rate.
    """

    def __init__(
        self,
        weights: Iterable[torch.nn.Parameter],
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        self._groups: dict[tuple[int, ...], list[torch.nn.Parameter]] = defaultdict(list)
        for weight in weights:
            self._groups[tuple(weight.shape)].append(weight)
        self._momenta = {
            shape: torch.zeros(len(group), *shape) for shape, group in self._groups.items()
        }
        self._momentum = momentum
        self._weight_decay = weight_decay

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Apply one update from the gradients now held by the weights."""
        for shape, group in self._groups.items():
            gradients = torch.stack([weight.grad for weight in group if weight.grad is not None])
            momentum = self._momenta[shape]
            momentum.lerp_(gradients, 1 - self._momentum)
            updates = orthogonalize(gradients.lerp(momentum, self._momentum))
            scale = learning_rate * max(1.0, shape[0] / shape[1]) ** 0.5
            for weight, update in zip(group, updates, strict=True):
                weight.mul_(1 - learning_rate * self._weight_decay)
                weight.add_(update, alpha=-scale)
