"""Hyperparameters by model family: names, ranges and defaults as Bedrock documents them.

A request carries them as a map of strings. `family(name).parse(map)` checks every entry and returns typed values
with the family's defaults filled in. Families of other vendors are obeyed to the letter, so that a job written for
them behaves the same on a local model that answers under their id; Outcrop's own keys are accepted by all.

Source: Bedrock user guide, "Custom model hyperparameters". Families that train no text (Nova Canvas, Titan Image,
Titan Multimodal Embeddings) are absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from outcrop.core.errors import HyperparameterError

FineTuningMethod = Literal["lora", "full"]
Value = int | float | str


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """A whole number from `minimum` to `maximum`; `default` None means that it is off or derived."""

    minimum: int
    maximum: int
    default: int | None

    def read(self, text: str) -> int:
        """Return the value; raises ValueError when it is malformed or out of range."""
        value = int(text)
        if not self.minimum <= value <= self.maximum:
            raise ValueError(text)
        return value

    def __str__(self) -> str:
        return f"a whole number from {self.minimum} to {self.maximum}"


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number from `minimum` to `maximum`; `default` None means that it is off or derived."""

    minimum: float
    maximum: float
    default: float | None

    def read(self, text: str) -> float:
        """Return the value; raises ValueError when it is malformed or out of range."""
        value = float(text)
        if not self.minimum <= value <= self.maximum:  # false for NaN as well
            raise ValueError(text)
        return value

    def __str__(self) -> str:
        return f"a number from {self.minimum:g} to {self.maximum:g}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]
    default: str

    def read(self, text: str) -> str:
        """Return the value; raises ValueError when it is none of the options."""
        if text not in self.options:
            raise ValueError(text)
        return text

    def __str__(self) -> str:
        return f"one of {', '.join(self.options)}"


Range = WholeNumber | Number | Choice


@dataclass(frozen=True, slots=True)
class TrainingHyperparameters:
    """What a training run is told, typed and complete.

    Attributes:
        epochs: passes over the training records.
        batch_size: records per optimizer step.
        learning_rate: peak of the schedule.
        warmup_steps: optimizer steps over which the learning rate rises to its peak.
        early_stopping_threshold: least fall of the validation loss, in nats per token, that counts as progress;
            None trains to the end and keeps the last weights.
        early_stopping_patience: validations without progress after which training ends; None as above.
        eval_percentage: share of the training records held out when there is no validation file, or None.
        method: low-rank adapter or all weights.
        lora_rank: rank of the adapter's matrices.
        lora_alpha: scale of the adapter times its rank.
        lora_dropout: probability with which an adapter's input is dropped while training.
        seed: of everything random in the run.
        checkpoint_interval: optimizer steps between checkpoints.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    early_stopping_threshold: float | None = None
    early_stopping_patience: int | None = None
    eval_percentage: float | None = None
    method: FineTuningMethod = "lora"
    lora_rank: int = 16
    lora_alpha: float = 32.0
    lora_dropout: float = 0.0
    seed: int = 0
    checkpoint_interval: int = 25


@dataclass(frozen=True, slots=True)
class Family:
    """The hyperparameters that one family of models takes.

    Attributes:
        name: as in `BaseModel.family`.
        ranges: the vendor's keys.
        full_learning_rate_factor: what the default learning rate is multiplied with when all weights are trained.
    """

    name: str
    ranges: Mapping[str, Range]
    full_learning_rate_factor: float = 1.0

    def check(self, values: Mapping[str, str]) -> None:
        """Raise HyperparameterError for the first unknown name or value out of range."""
        self._read(values)

    def parse(
        self, values: Mapping[str, str], *, has_validation: bool = False
    ) -> TrainingHyperparameters:
        """Return typed values, defaults filled in.

        Args:
            values: the request's map; keys are case-sensitive, values strings.
            has_validation: whether the job has a validation file, which takes the place of evalPercentage.

        Raises:
            HyperparameterError: names the key, the value, the range and what to do.
        """
        given = self._read(values)
        if has_validation and "evalPercentage" in given:
            raise HyperparameterError(
                "The hyperparameter 'evalPercentage' cannot be set together with validation data:"
                " remove one of the two."
            )
        read = {key: given.get(key, limit.default) for key, limit in self._all().items()}
        if given.keys() & _EARLY_STOPPING_DEFAULTS.keys():
            for key, default in _EARLY_STOPPING_DEFAULTS.items():
                read[key] = default if read[key] is None else read[key]
        method: FineTuningMethod = "full" if read["fineTuningMethod"] == "full" else "lora"
        rank = _integer(read["loraRank"])
        return TrainingHyperparameters(
            epochs=_integer(read["epochCount"]),
            batch_size=_integer(read.get("batchSize", _DEFAULT_BATCH_SIZE)),
            learning_rate=self._learning_rate(read, given, method),
            warmup_steps=_integer(read.get("learningRateWarmupSteps") or 0),
            early_stopping_threshold=_optional_float(read.get("earlyStoppingThreshold")),
            early_stopping_patience=_optional_integer(read.get("earlyStoppingPatience")),
            eval_percentage=None if has_validation else _optional_float(read.get("evalPercentage")),
            method=method,
            lora_rank=rank,
            lora_alpha=float(given.get("loraAlpha", 2 * rank)),
            lora_dropout=float(read["loraDropout"] or 0.0),
            seed=_integer(read["seed"]),
            checkpoint_interval=_integer(read["checkpointInterval"]),
        )

    def _all(self) -> dict[str, Range]:
        return {**self.ranges, **OUTCROP_KEYS}

    def _read(self, values: Mapping[str, str]) -> dict[str, Value]:
        ranges = self._all()
        return {name: _read_one(self.name, name, text, ranges) for name, text in values.items()}

    def _learning_rate(
        self, read: Mapping[str, Value | None], given: Mapping[str, Value], method: FineTuningMethod
    ) -> float:
        if "learningRateMultiplier" in read:
            base = _MULTIPLIER_BASE[method]
            return base * float(read["learningRateMultiplier"] or 0.0)
        rate = float(read["learningRate"] or 0.0)
        if method == "full" and "learningRate" not in given:
            return rate * self.full_learning_rate_factor
        return rate


def family(name: str) -> Family:
    """Return a family by name.

    Raises:
        HyperparameterError: no family has this name; the message lists those that exist.
    """
    try:
        return FAMILIES[name]
    except KeyError:
        raise HyperparameterError(
            f"There is no model family {name!r}: choose one of {', '.join(sorted(FAMILIES))}."
        ) from None


def family_of(model_id: str) -> str:
    """Return the name of the family whose vendor model `model_id` is, "outcrop" for any other.

    Args:
        model_id: an AWS model id, with or without a suffix such as ":7:4k" and a region prefix such as "us.".
    """
    bare = model_id.partition(".")[2] if model_id[:3] in {"us.", "eu."} else model_id
    for prefix, name in _FAMILY_PREFIXES:
        if bare.startswith(prefix):
            return name
    return "outcrop"


def _read_one(family_name: str, name: str, text: str, ranges: Mapping[str, Range]) -> Value:
    if name not in ranges:
        raise HyperparameterError(
            f"The hyperparameter {name!r} is unknown: {family_name} takes {', '.join(ranges)}."
            " Names are case-sensitive; correct or remove it."
        )
    limit = ranges[name]
    try:
        if (
            not text.isascii() or "_" in text
        ):  # Python reads "1_000" and Arabic digits, AWS does not
            raise ValueError(text)
        return limit.read(text)
    except ValueError:
        default = "" if limit.default is None else f" (default {limit.default})"
        raise HyperparameterError(
            f"The hyperparameter {name!r} cannot be {text!r}: {family_name} takes {limit}{default}."
            " Choose a value in that range or leave it out."
        ) from None


def _integer(value: Value | None) -> int:
    assert isinstance(value, int)
    return value


def _optional_integer(value: Value | None) -> int | None:
    return None if value is None else _integer(value)


def _optional_float(value: Value | None) -> float | None:
    return None if value is None else float(value)


# Accepted by every family, beside the vendor's own keys.
OUTCROP_KEYS: Mapping[str, Range] = {
    "fineTuningMethod": Choice(("lora", "full"), "lora"),
    "loraRank": WholeNumber(1, 256, 16),
    "loraAlpha": Number(1.0, 1024.0, None),
    "loraDropout": Number(0.0, 0.5, 0.0),
    "seed": WholeNumber(0, 2**31 - 1, 0),
    "checkpointInterval": WholeNumber(1, 10_000, 25),
}

# Where a family leaves early stopping off, setting one of the two keys turns it on with the other's value here.
_EARLY_STOPPING_DEFAULTS: Mapping[str, int | float] = {
    "earlyStoppingThreshold": 0.001,
    "earlyStoppingPatience": 2,
}
_DEFAULT_BATCH_SIZE = 8  # of families whose vendor chooses the batch size
# Claude's learning rate itself is not public; its multiplier scales these.
_MULTIPLIER_BASE: Mapping[FineTuningMethod, float] = {"lora": 2e-4, "full": 2e-5}

_COHERE: Mapping[str, Range] = {
    "epochCount": WholeNumber(1, 100, 1),
    "batchSize": WholeNumber(8, 8, 8),
    "learningRate": Number(5e-6, 0.1, 1e-5),
    "earlyStoppingThreshold": Number(0.0, 0.1, 0.01),
    "earlyStoppingPatience": WholeNumber(1, 10, 6),
    "evalPercentage": Number(5.0, 50.0, 20.0),
}
_TITAN: Mapping[str, Range] = {
    "epochCount": WholeNumber(1, 10, 5),
    "batchSize": WholeNumber(1, 64, 1),
    "learningRate": Number(0.0, 1.0, 1e-5),
    "learningRateWarmupSteps": WholeNumber(0, 250, 5),
}

FAMILIES: Mapping[str, Family] = {
    item.name: item
    for item in (
        Family(
            "outcrop",
            {
                "epochCount": WholeNumber(1, 100, 3),
                "batchSize": WholeNumber(1, 64, 8),
                "learningRate": Number(1e-7, 0.1, 1e-3),
                "learningRateWarmupSteps": WholeNumber(0, 1000, 10),
                "earlyStoppingThreshold": Number(0.0, 0.1, None),
                "earlyStoppingPatience": WholeNumber(1, 10, None),
                "evalPercentage": Number(5.0, 50.0, None),
            },
            # All weights want about a tenth of an adapter's rate (Schulman et al. 2025, "LoRA Without Regret").
            full_learning_rate_factor=0.1,
        ),
        Family("cohere.command", _COHERE),
        Family("cohere.command-light", {**_COHERE, "batchSize": WholeNumber(8, 32, 8)}),
        Family("amazon.titan-text-lite", _TITAN),
        Family("amazon.titan-text-express", _TITAN),
        Family(
            "amazon.titan-text-premier",
            {
                "epochCount": WholeNumber(1, 5, 2),
                "batchSize": WholeNumber(1, 1, 1),
                "learningRate": Number(1e-7, 1e-5, 1e-6),
                "learningRateWarmupSteps": WholeNumber(0, 20, 5),
            },
        ),
        Family(
            "meta.llama3",
            {
                "epochCount": WholeNumber(1, 10, 5),
                "batchSize": WholeNumber(1, 1, 1),
                "learningRate": Number(5e-6, 0.1, 1e-4),
            },
        ),
        Family(
            "amazon.nova",
            {
                "epochCount": WholeNumber(1, 5, 2),
                "learningRate": Number(1e-6, 1e-4, 1e-5),
                "learningRateWarmupSteps": WholeNumber(0, 100, 10),
            },
        ),
        Family(
            "anthropic.claude-3-haiku",
            {
                "epochCount": WholeNumber(1, 10, 2),
                "batchSize": WholeNumber(4, 256, 32),
                "learningRateMultiplier": Number(0.1, 2.0, 1.0),
                "earlyStoppingThreshold": Number(0.0, 0.1, 0.001),
                "earlyStoppingPatience": WholeNumber(1, 10, 2),
            },
        ),
    )
}

# Longest first: "cohere.command-light-…" also starts with "cohere.command".
_FAMILY_PREFIXES = (
    ("cohere.command-light", "cohere.command-light"),
    ("cohere.command", "cohere.command"),
    ("amazon.titan-text-lite", "amazon.titan-text-lite"),
    ("amazon.titan-text-express", "amazon.titan-text-express"),
    ("amazon.titan-text-premier", "amazon.titan-text-premier"),
    ("amazon.nova", "amazon.nova"),
    ("anthropic.claude-3-haiku", "anthropic.claude-3-haiku"),
    ("meta.llama3", "meta.llama3"),
)
