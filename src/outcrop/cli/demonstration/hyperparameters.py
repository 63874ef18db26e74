"""The demo's settings for the job: few data and a small model want more passes than Bedrock's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from outcrop.core.hyperparameters import TrainingHyperparameters, family

# Passes are chosen so that a run sees about this many examples in all; within these bounds.
_EXAMPLES_SEEN = 6_000
_FEWEST_EPOCHS = 4
_MOST_EPOCHS = 10
# Found on the bundled model with the bundled data; all weights want less than an adapter.
_LEARNING_RATES = {"lora": "0.005", "full": "0.0005"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the user asked for; None leaves it to the demo.

    Attributes:
        further: any hyperparameter by its name in the API; wins over the others.
    """

    epochs: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    method: str | None = None
    further: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, str]:
        """The wishes by their names in the API."""
        given = {
            "epochCount": self.epochs,
            "learningRate": self.learning_rate,
            "batchSize": self.batch_size,
            "fineTuningMethod": self.method,
        }
        wishes = {name: str(value) for name, value in given.items() if value is not None}
        return {**wishes, **self.further}


def request_for(chosen: Chosen, training_examples: int, *, has_validation: bool) -> dict[str, str]:
    """Return the request's hyperParameters.

    Args:
        chosen: the user's wishes.
        training_examples: number of them.
        has_validation: whether early stopping can keep the best weights.
    """
    wanted = round(_EXAMPLES_SEEN / max(1, training_examples))
    wishes = chosen.values
    values = {
        "epochCount": str(min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, wanted))),
        "learningRate": _LEARNING_RATES[wishes.get("fineTuningMethod", "lora")],
    }
    if has_validation:
        # Nothing is lost by it: a run that only improves goes to its end.
        values |= {"earlyStoppingThreshold": "0", "earlyStoppingPatience": "2"}
    return {**values, **wishes}


def parse(
    values: Mapping[str, str], family_name: str, *, has_validation: bool
) -> TrainingHyperparameters:
    """Return what the server will make of a request.

    Raises:
        HyperparameterError: a name or value is refused.
    """
    return family(family_name).parse(values, has_validation=has_validation)


def in_force(typed: TrainingHyperparameters) -> dict[str, str]:
    """Return every hyperparameter by its name in the API, defaults included."""
    values: dict[str, object] = {
        "fineTuningMethod": typed.method,
        "epochCount": typed.epochs,
        "batchSize": typed.batch_size,
        "learningRate": f"{typed.learning_rate:g}",
        "learningRateWarmupSteps": typed.warmup_steps,
        "earlyStoppingThreshold": typed.early_stopping_threshold,
        "earlyStoppingPatience": typed.early_stopping_patience,
    }
    if typed.method == "lora":
        values |= {
            "loraRank": typed.lora_rank,
            "loraAlpha": f"{typed.lora_alpha:g}",
            "loraDropout": f"{typed.lora_dropout:g}",
        }
    values["seed"] = typed.seed
    return {name: str(value) for name, value in values.items() if value is not None}
