from __future__ import annotations

import numpy as np
import pytest
import torch

from base_model import training
from base_model.copying_start import repeated_rows
from base_model.muon import orthogonalize
from base_model.training import TrainingPlan


def small_run(seed: int) -> torch.Tensor:
    config = training.model_config(64, eos_id=2, bos_id=1, pad_id=0)
    model = training.new_model(config, seed)
    plan = TrainingPlan(steps=2, tokens_per_step=2048, repeat_steps=1, short_length=256)
    tokens = np.tile(np.arange(64, dtype=np.uint16), 200)
    training.train(model, plan, tokens, tokens, lambda _step, _loss, _model: None)
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    assert torch.equal(small_run(1), small_run(1))
    assert not torch.equal(small_run(1), small_run(2))


def test_too_little_text_is_refused_before_it_is_read_twice() -> None:
    model = training.new_model(training.model_config(64, eos_id=2, bos_id=1, pad_id=0), 1)
    few = np.zeros(100, dtype=np.uint16)
    plan = TrainingPlan(steps=1, repeat_steps=0)
    with pytest.raises(ValueError, match="step 0 needs 2049 tokens, 100 left"):
        training.train(model, plan, few, few, lambda _step, _loss, _model: None)


def test_fresh_weights_already_look_one_token_back_and_at_earlier_occurrences() -> None:
    config = training.model_config(4096, eos_id=2, bos_id=1, pad_id=0)
    model = training.new_model(config, 3)
    model.set_attn_implementation("eager")
    run = torch.randint(6, 4096, (4, 40), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        attentions = model(torch.cat([run, run], dim=1), output_attentions=True).attentions
    at, again = torch.arange(5, 80), torch.arange(45, 79)
    assert attentions[0][:, 0, at, at - 1].mean() > 0.8
    assert attentions[1][:, 0, again, again - 39].mean() > 0.3
    assert attentions[1][:, 1, again, again - 39].mean() < 0.1


def test_repeated_rows_hold_every_run_twice() -> None:
    rows = repeated_rows(torch.Generator().manual_seed(0), 6, 129, first_id=6, size=4096)
    assert rows.shape == (6, 129)
    assert int(rows.min()) >= 6
    for row in rows.tolist():
        assert any(row[:count] == row[count : 2 * count] for count in range(8, 50))


def test_orthogonalized_matrices_have_singular_values_near_one() -> None:
    matrices = torch.randn(2, 24, 60, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalize(matrices))
    assert 0.6 < float(values.min()) <= float(values.max()) < 1.3
    assert orthogonalize(matrices.mT).shape == (2, 60, 24)


def test_rates_rise_stay_and_fall() -> None:
    plan = TrainingPlan(steps=1000, repeat_steps=50)
    factors = [plan.rate_factor(step) for step in range(-50, 1000)]
    assert factors[0] < 0.1
    assert factors[300] == 1.0
    assert factors[-1] == pytest.approx(0.002)
    assert [plan.row_length_at(step) for step in (0, 700, 999)] == [256, 512, 2048]
