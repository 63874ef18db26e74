"""What a run of the demo found, as it is shown and written down."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from outcrop.cli.demonstration.examples import Examples
from outcrop.cli.demonstration.questions import Answers
from outcrop.cli.job_progress import Steps
from outcrop.core.hyperparameters import TrainingHyperparameters
from outcrop.evaluation.advice import Evidence
from outcrop.evaluation.comparison import Comparison


@dataclass(slots=True)
class Timings:
    """How long each part took, in the order they ran."""

    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """All parts together."""
        return sum(self.seconds.values())


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run from end to end.

    Attributes:
        throughput_arn: what answers as the custom model; None when it lost, and it was deleted.
        hyperparameters: every one that was in force, by its name in the API.
        steps: of the training run, with their losses.
        evidence: what the advice is based on.
    """

    base_model: str
    job_name: str
    job_arn: str
    model_arn: str
    throughput_arn: str | None
    hyperparameters: Mapping[str, str]
    examples: Examples
    answers: Answers
    comparison: Comparison
    steps: Steps
    evidence: Evidence
    advice: Sequence[str]
    timings: Timings

    @property
    def by_custom_score(self) -> list[int]:
        """Indices of the held-out examples, the custom model's best answer first."""
        scores = self.comparison.scores
        return sorted(range(len(scores)), key=lambda index: (-scores[index].custom, index))

    @property
    def shown(self) -> list[tuple[str, int]]:
        """The best, the median and the worst answer of the custom model: (what it is, index)."""
        order = self.by_custom_score
        places = {"best": 0, "median": len(order) // 2, "worst": len(order) - 1}
        return [(f"{name} of {len(order)}", order[place]) for name, place in places.items()]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        examples = self.examples
        return {
            "verdict": str(self.comparison.verdict),
            "reason": self.comparison.reason,
            "base_model": self.base_model,
            "job": {"name": self.job_name, "arn": self.job_arn, "model_arn": self.model_arn},
            "hyperparameters": dict(self.hyperparameters),
            "data": {
                "sources": examples.sources,
                "training": len(examples.training),
                "validation": len(examples.validation),
                "held_out": len(examples.held_out),
                "too_long": [example.place for example in examples.set_aside],
                "like_held_out": [example.place for example in examples.overlapping],
            },
            "measures": {
                name: asdict(measure)
                for name, measure in (
                    ("rouge_l", self.comparison.rouge),
                    ("rouge_l_above_style", self.comparison.content),
                    ("loss_per_token", self.comparison.loss),
                )
                if measure is not None
            },
            "training_loss": self.steps.losses,
            "validation_loss": self.steps.validations,
            "advice": list(self.advice),
            "seconds": {name: round(value, 2) for name, value in self.timings.seconds.items()},
            "answers": [
                {
                    "place": example.place,
                    "prompt": example.prompt,
                    "reference": example.completion,
                    "base": base.text,
                    "custom": custom.text,
                    "base_rouge_l": round(score.base, 4),
                    "custom_rouge_l": round(score.custom, 4),
                }
                for example, base, custom, score in zip(
                    examples.held_out,
                    self.answers.base,
                    self.answers.custom,
                    self.comparison.scores,
                    strict=True,
                )
            ],
        }


def evidence_of(
    steps: Steps, examples: Examples, hyperparameters: TrainingHyperparameters
) -> Evidence:
    """Return what the advice is based on.

    Args:
        steps: the finished run.
        examples: its data.
        hyperparameters: that were in force.
    """
    per_epoch = steps.per_epoch or max(1, len(steps.losses))
    losses = [loss for _, loss in steps.losses]
    return Evidence(
        epoch_losses=[
            sum(part) / len(part)
            for start in range(0, len(losses), per_epoch)
            if (part := losses[start : start + per_epoch])
        ],
        validation_losses=[loss for _, loss in steps.validations],
        training_examples=len(examples.training),
        set_aside=len(examples.set_aside),
        learning_rate=hyperparameters.learning_rate,
        epochs=hyperparameters.epochs,
        keeps_best=hyperparameters.early_stopping_patience is not None,
    )
