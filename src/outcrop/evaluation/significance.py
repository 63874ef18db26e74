"""Intervals for the mean of paired differences, from few examples and without assuming a distribution.

Plain Python: the workflow's evaluation function carries this module and has no numpy.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the range that holds the true one with the chosen confidence."""

    mean: float
    low: float
    high: float

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low > 0

    @property
    def is_below_zero(self) -> bool:
        """Whether the whole interval lies below zero."""
        return self.high < 0


def paired_interval(
    differences: Sequence[float],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the mean of paired differences with its bootstrap interval.

    Examples are drawn anew with replacement, and the interval is cut from the distribution of the resampled means.
    The plain percentile interval is too narrow for few examples (at 30, 95 % holds the truth about 93 times in 100);
    the cuts are moved outwards so that for normal data it equals Student's interval.

    Args:
        differences: one per example, custom minus base; at least two.
        confidence: probability with which the interval holds the true mean.
        resamples: how many samples are drawn.
        seed: the same seed and differences give the same interval.

    Raises:
        ValueError: fewer than two differences.

    Source: Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 5.2 (expanded percentile).
    """
    count = len(differences)
    if count < 2:
        raise ValueError("an interval needs at least two differences")
    draw = random.Random(seed).choices  # noqa: S311  # statistics, not secrets
    means = sorted(sum(draw(differences, k=count)) / count for _ in range(resamples))
    tail = _expanded_tail((1 - confidence) / 2, count)
    return Interval(
        math.fsum(differences) / count, _quantile(means, tail), _quantile(means, 1 - tail)
    )


def _quantile(ascending: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies, between two of them by proportion."""
    place = share * (len(ascending) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])


def _expanded_tail(tail: float, count: int) -> float:
    """Return the share of resampled means to cut from each end so that few examples are not trusted too much."""
    stretch = math.sqrt(count / (count - 1)) * student_quantile(1 - tail, count - 1)
    return NormalDist().cdf(-stretch)


def student_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t distribution.

    Args:
        probability: between 0 and 1, exclusive.
        freedom: degrees of freedom, at least 1.

    Source: 1 and 2 degrees in closed form; else Abramowitz & Stegun 26.7.5, to 0.5 % from 3 degrees on at 97.5 %.
    """
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:
        return (2 * probability - 1) / math.sqrt(2 * probability * (1 - probability))
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))
