"""When the learning rate is how high, and when training should end early."""

from dataclasses import dataclass


def learning_rate(step: int, total_steps: int, peak: float, warmup_steps: int) -> float:
    """Return the rate of an optimizer step: a linear rise to the peak, then a linear fall towards zero.

    Args:
        step: from 1 to `total_steps`.
        total_steps: steps of the whole run; the fall would reach zero one step later.
        peak: highest rate.
        warmup_steps: the peak is reached at this step; a run that is shorter only rises.
    """
    if step <= warmup_steps:
        return peak * step / warmup_steps
    return peak * (total_steps - step + 1) / (total_steps - warmup_steps)


@dataclass(slots=True)
class EarlyStopping:
    """Remembers validation losses and says when to give up and which weights to keep.

    Attributes:
        threshold: least fall of the loss, in nats per token, that counts as progress.
        patience: validations in a row without progress after which training ends.
        reference_loss: loss from which progress is measured; the base model's at first.
        validations_without_progress: in a row.
        best_loss: lowest loss of trained weights so far, by however little.
        best_step: the step that had it; 0 before the first validation of trained weights.
    """

    threshold: float
    patience: int
    reference_loss: float = float("inf")
    validations_without_progress: int = 0
    best_loss: float = float("inf")
    best_step: int = 0

    def start(self, base_loss: float) -> None:
        """Take the loss of the weights before training."""
        self.reference_loss = base_loss

    def observe(self, step: int, loss: float) -> bool:
        """Take a validation's loss and return whether these weights are the best so far."""
        if self.reference_loss - loss > self.threshold:
            self.reference_loss = loss
            self.validations_without_progress = 0
        else:
            self.validations_without_progress += 1
        if loss >= self.best_loss:
            return False
        self.best_loss, self.best_step = loss, step
        return True

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        return self.validations_without_progress >= self.patience
