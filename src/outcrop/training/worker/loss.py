"""The loss: cross-entropy of the labelled tokens only, every token of a batch weighing the same.

However a batch is cut into packs, its gradient is the same: each pack's sum is divided by the labelled tokens of
the whole batch, never by its own.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses

from outcrop.training.worker.batches import Row, packs
from outcrop.training.worker.model import LanguageModel


def backward(model: LanguageModel, rows: Sequence[Row]) -> float:
    """Add the gradient of the batch's mean loss to the parameters and return the loss in nats per token."""
    labels = sum(row.labels for row in rows)
    total = 0.0
    for pack in packs(rows, model.limits):
        logits_NV = model.logits(pack)
        summed = F.cross_entropy(
            logits_NV.float(), pack.targets_N.to(model.device), reduction="sum"
        )
        (summed / labels).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        total += summed.item()
    return total / labels


@torch.no_grad()
def mean_loss(model: LanguageModel, rows: Sequence[Row], between: Callable[[], None]) -> float:
    """Return the mean loss over all labelled tokens of the rows, in nats per token, dropout off.

    Args:
        model: left in evaluation mode.
        rows: records, in a fixed order: sums of floating-point numbers depend on it.
        between: called before each pack; may raise to leave.
    """
    model.module.eval()
    total = 0.0
    for pack in packs(rows, model.limits):
        between()
        logits_NV = model.logits(pack)
        total += F.cross_entropy(
            logits_NV.float(), pack.targets_N.to(model.device), reduction="sum"
        ).item()
    return total / sum(row.labels for row in rows)
