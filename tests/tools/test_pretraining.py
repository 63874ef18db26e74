from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from base_model import training
from base_model.copying_start import repeated_rows
from base_model.muon import orthogonalize
from base_model.training import Cycle, Phase, TrainingPlan, TrainingText

TINY = TrainingPlan(
    phases=(Phase(2, 64), Phase(1, 128), Phase(1, 256, is_long=True)),
    cycles=(Cycle(4, 2, 2),),
    restarts=(2,),
    tokens_per_step=256,
    repeat_steps=1,
    repeat_length=64,
)


def small_model(seed: int) -> LlamaForCausalLM:
    return training.new_model(training.model_config(64, eos_id=2, bos_id=1, pad_id=0), seed)


def weights_of(model: LlamaForCausalLM) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def nothing(_step: int, _loss: float, _model: LlamaForCausalLM) -> None:
    """Take a report and do nothing with it."""


@pytest.fixture
def text() -> TrainingText:
    tokens = np.tile(np.arange(64, dtype=np.uint16), 200)
    return TrainingText(tokens, tokens[::-1].copy())


def test_the_same_seed_gives_the_same_weights_bit_for_bit(text: TrainingText) -> None:
    models = [small_model(seed) for seed in (1, 1, 2)]
    for model in models:
        training.train(model, TINY, text, nothing)
    first, second, other = map(weights_of, models)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_run_resumed_at_a_restart_ends_like_an_undisturbed_one(text: TrainingText) -> None:
    plan, whole = TINY, small_model(1)
    kept: list[LlamaForCausalLM] = []

    def keep(step: int, _loss: float, model: LlamaForCausalLM) -> None:
        if step + 1 in plan.restarts:
            kept.append(copy.deepcopy(model))
            training.round_weights(kept[0])

    training.train(whole, plan, text, keep)
    training.train(kept[0], plan, text, nothing, resume_step=plan.restarts[0])
    assert torch.equal(weights_of(whole), weights_of(kept[0]))


def test_too_little_text_is_refused_before_it_is_read_twice() -> None:
    few = np.zeros(100, dtype=np.uint16)
    with pytest.raises(ValueError, match="a step needs 257 tokens, 100 left"):
        training.train(small_model(1), TINY, TrainingText(few, few), nothing)


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
    plan = TrainingPlan()
    factors = [plan.rate_factor(step) for step in range(plan.steps)]
    assert plan.rate_factor(-plan.repeat_steps) < 0.1
    assert factors[300] == 1.0
    assert factors[-1] < 0.01


def test_the_full_plan_ends_its_cycles_with_its_phases_and_reads_long_rows() -> None:
    plan = TrainingPlan()
    assert plan.cycles[-1].until == plan.steps
    assert max(phase.row_length for phase in plan.phases) == 2048
    assert plan.token_count(is_long=True) + plan.token_count(is_long=False) == 2 + 2048 * plan.steps
