"""The interval holds the truth as often as it says, for few examples too."""

from collections.abc import Callable

import numpy as np
import pytest

from outcrop.evaluation.significance import paired_interval, student_quantile

# Skewed and heavy at zero, as differences of ROUGE-L are when many answers stay the same.
NOISES: dict[str, Callable[[np.random.Generator, int], "np.ndarray"]] = {
    "normal": lambda generator, count: generator.normal(0, 0.1, count),
    "mostly zero": lambda generator, count: (
        generator.normal(0, 0.2, count) * (generator.random(count) < 0.4)
    ),
    "skewed": lambda generator, count: generator.exponential(0.1, count) - 0.1,
}


@pytest.mark.parametrize("count", [12, 30, 60])
@pytest.mark.parametrize("noise", ["normal", "mostly zero"])
def test_intervals_cover_the_true_mean(noise: str, count: int) -> None:
    generator = np.random.default_rng(11)
    trials = 600
    covered = 0
    for seed in range(trials):
        differences = NOISES[noise](generator, count).tolist()
        interval = paired_interval(differences, resamples=1000, seed=seed)
        covered += interval.low <= 0 <= interval.high
    # 95 %, less two standard errors of 600 trials and the 1.5 points that heavy tails cost at this size.
    assert covered / trials >= 0.915


@pytest.mark.parametrize("count", [12, 30, 100])
@pytest.mark.parametrize("noise", sorted(NOISES))
def test_a_model_rarely_wins_against_itself(noise: str, count: int) -> None:
    generator = np.random.default_rng(5)
    wins = sum(
        paired_interval(
            NOISES[noise](generator, count).tolist(), resamples=1000, seed=seed
        ).is_above_zero
        for seed in range(200)
    )
    assert wins <= 10


def test_a_clear_gain_is_seen() -> None:
    generator = np.random.default_rng(3)
    interval = paired_interval(generator.normal(0.1, 0.1, 60).tolist())
    assert interval.is_above_zero
    assert 0.05 < interval.low < interval.mean < interval.high < 0.15


def test_the_same_differences_give_the_same_interval() -> None:
    differences = [0.1, -0.2, 0.3, 0.05, 0.0, 0.4]
    assert paired_interval(differences, seed=4) == paired_interval(differences, seed=4)


def test_equal_differences_leave_no_doubt() -> None:
    interval = paired_interval([0.0] * 20)
    assert (interval.low, interval.high) == (0.0, 0.0)
    assert not interval.is_above_zero
    assert not interval.is_below_zero


def test_one_difference_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least two"):
        paired_interval([0.3])


@pytest.mark.parametrize(
    ("freedom", "expected"),
    # 97.5 % points of the usual tables.
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (5, 2.5706), (10, 2.2281), (30, 2.0423), (99, 1.9842)],
)
def test_students_quantiles_are_those_of_the_tables(freedom: int, expected: float) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(expected, rel=6e-3)
