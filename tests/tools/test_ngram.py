from __future__ import annotations

import math

import numpy as np
import pytest

from base_model.ngram import KneserNey

TEXT = np.array([1, 2, 1, 3, 1, 2, 2, 3], dtype=np.int64)


def probability(model: KneserNey, context: list[int], symbol: int) -> float:
    text = np.array([*context, symbol], dtype=np.int64)
    return float(2 ** -model.bits(text, start=len(context)))


def test_a_bigram_probability_equals_the_one_worked_out_by_hand() -> None:
    # Bigrams: 12 twice; 21, 13, 31, 22, 23 once: the discount is 5 / (5 + 2 * 1) = 5/7.
    # Continuations: 1 after {2, 3}, 2 after {1, 2}, 3 after {1, 2}: all counts are 2, so the
    # lower order has no count of one and takes the discount 0.5.
    # p1(2) = (2 - 0.5) / 6 + 0.5 * 3 / 6 * 1/4 = 0.25 + 0.0625
    # p2(2 | 1) = (2 - 5/7) / 3 + 5/7 * 2 / 3 * p1(2)
    model = KneserNey(TEXT, size=4, order=2)
    expected = (2 - 5 / 7) / 3 + 5 / 7 * 2 / 3 * 0.3125
    assert probability(model, [1], 2) == pytest.approx(expected)


@pytest.mark.parametrize("context", [[], [1], [1, 2], [2, 1, 3], [0, 0]])
def test_the_probabilities_after_any_context_sum_to_one(context: list[int]) -> None:
    model = KneserNey(TEXT, size=4, order=3)
    assert sum(probability(model, context, symbol) for symbol in range(4)) == pytest.approx(1.0)


def test_a_repeated_text_costs_little_and_noise_costs_its_entropy() -> None:
    rng = np.random.default_rng(0)
    loop = np.tile(np.arange(7, dtype=np.int64), 200)
    assert KneserNey(loop, size=8).bits(loop[:700], start=5) / 695 < 0.05
    noise = rng.integers(0, 8, 20_000)
    assert (
        KneserNey(noise[:19_000], size=8).bits(noise[19_000:], start=5) / 995 > math.log2(8) * 0.98
    )


def test_too_many_symbols_for_the_order_are_refused() -> None:
    with pytest.raises(ValueError, match="63 bits"):
        KneserNey(TEXT, size=10_000, order=5)
