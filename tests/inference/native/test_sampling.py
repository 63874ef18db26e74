import math
from collections import Counter

import torch

from outcrop.inference.native.sampling import Sampling, choose

PROBABILITIES = [0.5, 0.3, 0.15, 0.05]
LOGITS = torch.tensor([[math.log(value) for value in PROBABILITIES]])


def draws(temperature: float, top_p: float, top_k: int, count: int = 4000) -> Counter[int]:
    sampling = Sampling.from_parameters(temperature, top_p, top_k, seed=3)
    return Counter(choose(LOGITS, [sampling])[0] for _ in range(count))


def test_temperature_zero_takes_the_likeliest() -> None:
    assert draws(0.0, 1.0, 0, 10) == {0: 10}


def test_samples_follow_the_model_at_temperature_one() -> None:
    counts = draws(1.0, 1.0, 0)
    for token, probability in enumerate(PROBABILITIES):
        assert abs(counts[token] / 4000 - probability) < 0.03


def test_top_k_keeps_so_many() -> None:
    assert set(draws(1.0, 1.0, 2)) == {0, 1}


def test_top_p_keeps_the_likeliest_up_to_the_mass() -> None:
    assert set(draws(1.0, 0.79, 0)) == {0, 1}
    assert set(draws(1.0, 0.81, 0)) == {0, 1, 2}
    assert set(draws(1.0, 0.0, 0)) == {0}


def test_rows_choose_for_themselves() -> None:
    logits = torch.tensor([[0.0, 9.0], [9.0, 0.0]])
    greedy = Sampling.from_parameters(0.0, 1.0, 0, None)
    assert choose(logits, [greedy, greedy]) == [1, 0]
