"""From logits to the next tokens.

Notation used for tensor shapes: B rows of the batch, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one row chooses; the parameters are those of GenerationRequest, `generator` is on the CPU."""

    temperature: float
    top_p: float
    top_k: int
    generator: torch.Generator

    @classmethod
    def from_parameters(
        cls, temperature: float, top_p: float, top_k: int, seed: int | None
    ) -> "Sampling":
        """Return a sampling with its own random numbers, repeatable when `seed` is given."""
        generator = torch.Generator()
        if seed is None:
            generator.seed()
        else:
            generator.manual_seed(seed)
        return cls(temperature, top_p, top_k, generator)


def choose(logits: Tensor, samplings: Sequence[Sampling]) -> list[int]:
    """Return each row's next token.

    Args:
        logits: last-position logits; shape [B, V].
        samplings: one for each row.
    """
    tokens: list[int] = logits.argmax(dim=-1).tolist()
    for row, sampling in enumerate(samplings):
        if sampling.temperature > 0:
            tokens[row] = _sample(logits[row], sampling)
    return tokens


def _sample(logits: Tensor, sampling: Sampling) -> int:
    """Draw one of V tokens by logits of shape [V]: temperature, then top k, then top p of what is left."""
    # Drawn on the CPU in float32, so that a seed means the same on every device.
    scaled = logits.float().cpu() / sampling.temperature
    ids: Tensor | None = None
    if 0 < sampling.top_k < scaled.shape[0]:
        scaled, ids = scaled.topk(sampling.top_k)  # the likeliest first
    elif sampling.top_p < 1:
        scaled, ids = scaled.sort(descending=True)
    probabilities = scaled.softmax(dim=-1)
    if ids is not None and sampling.top_p < 1:
        # A token stays while the mass before it is below top_p, so the likeliest always does.
        kept = probabilities.cumsum(dim=-1) - probabilities < sampling.top_p
        kept[0] = True
        probabilities = probabilities.where(kept, 0.0)
    drawn = int(torch.multinomial(probabilities, 1, generator=sampling.generator))
    return drawn if ids is None else int(ids[drawn])
