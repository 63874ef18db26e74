"""The verdict: custom against base on examples that neither was trained on.

The rule is docs/decisions/0003-a-verdict-needs-content.md: to be called better, the custom model must gain in
ROUGE-L, and must still gain when what any answer in the same style would score is taken off.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from outcrop.evaluation.rouge import Reference, score, tokenize
from outcrop.evaluation.significance import Interval, paired_interval

SMALLEST_SAMPLE = 10
# Comparing each answer with this many other references is as good as with all, and never quadratic.
_STYLE_REFERENCES = 100


class Verdict(StrEnum):
    """What the comparison says about the custom model."""

    BETTER = "better"
    NO_DIFFERENCE = "no difference"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a model finds a reference as the answer.

    Attributes:
        logprob: of the whole reference given its prompt, in nats.
        tokens: of the reference.
    """

    logprob: float
    tokens: int

    @property
    def loss(self) -> float:
        """Nats per token; lower is better."""
        return -self.logprob / self.tokens if self.tokens else math.nan


@dataclass(frozen=True, slots=True)
class Response:
    """What one model did with one held-out example.

    Attributes:
        text: its own answer.
        likelihood: how likely it finds the reference; None of a model that cannot be asked.
    """

    text: str
    likelihood: Likelihood | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure for both models.

    Attributes:
        base: mean over the examples.
        custom: mean over the examples.
        difference: custom minus base, with its interval.
    """

    base: float
    custom: float
    difference: Interval


@dataclass(frozen=True, slots=True)
class ExampleScore:
    """ROUGE-L of both answers to one example."""

    base: float
    custom: float

    @property
    def gain(self) -> float:
        """How much the custom model's answer is nearer to the reference."""
        return self.custom - self.base


@dataclass(frozen=True, slots=True)
class Comparison:
    """Custom against base on the held-out examples.

    Attributes:
        verdict: what follows from the intervals.
        reason: one sentence on which interval decided.
        rouge: ROUGE-L to the example's own reference, 0 to 1.
        content: the same minus the mean ROUGE-L to other examples' references: what is about this example.
        loss: nats per token of the reference; lower is better. None where a response has no likelihood.
        scores: ROUGE-L of each example, in the order given.
    """

    verdict: Verdict
    reason: str
    rouge: Measure
    content: Measure
    loss: Measure | None
    scores: tuple[ExampleScore, ...]


def compare(
    references: Sequence[str], base: Sequence[Response], custom: Sequence[Response], seed: int = 0
) -> Comparison:
    """Compare two models' responses to the same examples.

    Args:
        references: the answers wanted, one an example; at least two.
        base: responses of the base model, in the same order.
        custom: responses of the custom model, in the same order.
        seed: of the bootstrap.

    Raises:
        ValueError: fewer than two examples, or sequences of different lengths.
    """
    if not len(references) == len(base) == len(custom):
        raise ValueError("both models must respond to every example")
    prepared = [Reference.of(text) for text in references]
    base_rouge, base_content = _scores(prepared, base)
    custom_rouge, custom_content = _scores(prepared, custom)
    rouge = _measure(base_rouge, custom_rouge, seed)
    content = _measure(base_content, custom_content, seed)
    verdict, reason = decide(rouge.difference, content.difference, len(references))
    return Comparison(
        verdict,
        reason,
        rouge,
        content,
        _loss(base, custom, seed),
        tuple(map(ExampleScore, base_rouge, custom_rouge)),
    )


def decide(rouge: Interval, content: Interval, examples: int) -> tuple[Verdict, str]:
    """Return the verdict that two intervals allow, and why.

    Args:
        rouge: difference in ROUGE-L.
        content: difference in ROUGE-L above style.
        examples: number of held-out examples behind them.
    """
    if examples < SMALLEST_SAMPLE:
        return Verdict.NO_DIFFERENCE, f"{examples} examples are too few to tell"
    if rouge.is_below_zero:
        return Verdict.WORSE, "the whole interval of ROUGE-L lies below zero"
    if not rouge.is_above_zero:
        return Verdict.NO_DIFFERENCE, "the interval of ROUGE-L includes zero"
    if content.is_above_zero:
        return Verdict.BETTER, "both intervals lie above zero"
    return (
        Verdict.NO_DIFFERENCE,
        "the answers gained in style only: the interval of ROUGE-L above style is not above zero",
    )


def _scores(
    references: Sequence[Reference], responses: Sequence[Response]
) -> tuple[list[float], list[float]]:
    """Return each response's ROUGE-L to its own reference, and that minus its mean to others' references."""
    own, above_style = [], []
    count = len(references)
    stride = max(1, (count - 1) // _STYLE_REFERENCES)
    for index, response in enumerate(responses):
        tokens = tokenize(response.text)
        value = score(references[index], tokens)
        others = [
            score(references[(index + offset) % count], tokens)
            for offset in range(1, count, stride)
        ]
        own.append(value)
        above_style.append(value - sum(others) / len(others) if others else value)
    return own, above_style


def _loss(base: Sequence[Response], custom: Sequence[Response], seed: int) -> Measure | None:
    before, after = (
        [response.likelihood.loss for response in side if response.likelihood is not None]
        for side in (base, custom)
    )
    if min(len(before), len(after)) < len(base):
        return None
    return _measure(before, after, seed)


def _measure(base: Sequence[float], custom: Sequence[float], seed: int) -> Measure:
    differences = [after - before for before, after in zip(base, custom, strict=True)]
    return Measure(
        sum(base) / len(base),
        sum(custom) / len(custom),
        paired_interval(differences, seed=seed),
    )
