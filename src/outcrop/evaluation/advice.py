"""What to try next, from what a run has shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from outcrop.evaluation.comparison import SMALLEST_SAMPLE, Comparison, Verdict

_FEW_TRAINING = 200
_FEW_HELD_OUT = 50
# A loss that moved by less than this share over the last epoch has come to rest.
_REST = 0.02
# Validation loss above its best by this share is rising, not jumping about.
_RISE = 0.02
_UNSTEADY = 1.25


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known at the end of a run.

    Attributes:
        epoch_losses: mean training loss of each epoch, in nats per token.
        validation_losses: after each epoch, the untrained model's first; empty without validation data.
        training_examples: number of them.
        set_aside: examples left out because they were too long.
        learning_rate: peak.
        epochs: that were asked for.
        keeps_best: whether early stopping was on, which keeps the weights of the best validation.
    """

    epoch_losses: Sequence[float]
    validation_losses: Sequence[float]
    training_examples: int
    set_aside: int
    learning_rate: float
    epochs: int
    keeps_best: bool


def what_next(comparison: Comparison, evidence: Evidence) -> list[str]:
    """Return pieces of advice, the most promising first; never empty."""
    advice = [*_on_training(evidence), *_on_data(comparison, evidence)]
    if comparison.verdict is Verdict.BETTER:
        advice.append("The result stands: deploy it, and compare the next version with this one.")
    elif not advice:
        advice.append(
            "Training went well and still made no difference: look at the worst answers; are the"
            " completions consistent, and does the prompt hold what they say?"
        )
    return advice


def _on_training(evidence: Evidence) -> list[str]:
    losses, validations = evidence.epoch_losses, evidence.validation_losses
    lower = _rounded(evidence.learning_rate / 3)
    if any(after > _UNSTEADY * before for before, after in pairwise(losses)):
        return [
            f"The training loss jumped up on the way: a lower learning rate ({lower}) is steadier."
        ]
    if len(validations) > 1 and validations[-1] > (1 + _RISE) * min(validations):
        return [_on_rising_validation(validations, evidence, lower)]
    watched = validations[1:] or losses
    if len(watched) > 1 and watched[-1] < (1 - _REST) * watched[-2]:
        kind = "validation" if validations else "training"
        more = evidence.epochs + max(1, evidence.epochs // 2)
        return [f"The {kind} loss was still falling: train longer, for instance --epochs {more}."]
    if len(losses) == 1:
        return ["One epoch shows each example once: try --epochs 3."]
    return []


def _on_rising_validation(validations: Sequence[float], evidence: Evidence, lower: str) -> str:
    best = list(validations).index(min(validations))
    if best == 0:
        return (
            "The validation loss only rose: the learning rate is too high, or the completions do not"
            f" follow from the prompts. Try {lower} first."
        )
    seen = f"The validation loss was lowest after epoch {best} and rose afterwards"
    if evidence.keeps_best:
        return (
            f"{seen}; the weights of that epoch were kept. More examples, or a lower learning rate"
            f" ({lower}), may go further."
        )
    return f"{seen}: train for {best}, use more examples, or a lower learning rate ({lower})."


def _on_data(comparison: Comparison, evidence: Evidence) -> list[str]:
    advice = []
    held_out = len(comparison.scores)
    rouge, content = comparison.rouge.difference, comparison.content.difference
    if comparison.verdict is Verdict.NO_DIFFERENCE and rouge.is_above_zero and content.low <= 0:
        advice.append(
            "The model learned how answers sound, not what they say: check that each completion"
            " belongs to its prompt."
        )
    if held_out < SMALLEST_SAMPLE:
        advice.append(f"Hold out more: below {SMALLEST_SAMPLE} examples nothing can be told.")
    elif held_out < _FEW_HELD_OUT and not rouge.is_above_zero:
        advice.append(
            f"{held_out} held-out examples leave a wide interval: four times as many halve it."
        )
    if evidence.training_examples < _FEW_TRAINING:
        advice.append(
            f"{evidence.training_examples} training examples are few: some hundreds usually pay more"
            " than any setting."
        )
    if evidence.set_aside:
        advice.append(
            f"{evidence.set_aside:,} examples did not fit into the context: shorten them, or take a base"
            " model with a longer one."
        )
    return advice


def _rounded(value: float) -> str:
    return f"{value:.1g}"
