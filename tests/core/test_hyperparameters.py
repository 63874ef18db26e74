"""Hyperparameters as strings, checked against the family they are for."""

import pytest

from outcrop.core.errors import HyperparameterError
from outcrop.core.hyperparameters import FAMILIES, family, family_of


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_parses_its_own_defaults(name: str) -> None:
    values = family(name).parse({})
    assert values.epochs >= 1
    assert values.batch_size >= 1
    assert values.learning_rate > 0
    assert (values.method, values.lora_alpha) == ("lora", 2 * values.lora_rank)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_default_lies_in_its_range(name: str) -> None:
    for limit in family(name).ranges.values():
        if limit.default is not None:
            assert limit.read(str(limit.default)) == limit.default


def test_cohere_defaults_are_those_of_bedrock() -> None:
    values = family("cohere.command-light").parse({})
    assert (values.epochs, values.batch_size, values.learning_rate) == (1, 8, 1e-5)
    assert (values.early_stopping_threshold, values.early_stopping_patience) == (0.01, 6)
    assert values.eval_percentage == 20.0


def test_the_map_of_the_public_cohere_workflow_is_read() -> None:
    values = family("cohere.command-light").parse(
        {
            "evalPercentage": "20.0",
            "epochCount": "1",
            "batchSize": "8",
            "earlyStoppingPatience": "6",
            "earlyStoppingThreshold": "0.01",
            "learningRate": "0.00001",
        }
    )
    assert (values.eval_percentage, values.learning_rate) == (20.0, 1e-5)


def test_validation_data_takes_the_place_of_eval_percentage() -> None:
    cohere = family("cohere.command")
    assert cohere.parse({}, has_validation=True).eval_percentage is None
    with pytest.raises(HyperparameterError, match=r"evalPercentage.*validation data"):
        cohere.parse({"evalPercentage": "20"}, has_validation=True)


@pytest.mark.parametrize(
    ("name", "key", "value", "words"),
    [
        ("outcrop", "epochs", "1", r"'epochs' is unknown: outcrop takes epochCount, "),
        ("outcrop", "epochcount", "1", "case-sensitive"),
        (
            "outcrop",
            "epochCount",
            "0",
            r"cannot be '0': outcrop takes a whole number from 1 to 100",
        ),
        ("outcrop", "epochCount", "1.5", "whole number"),
        ("outcrop", "epochCount", "1_0", "cannot be '1_0'"),
        ("outcrop", "epochCount", "٣", "whole number"),  # Python's int() reads it
        ("outcrop", "learningRate", "nan", "cannot be 'nan'"),
        ("outcrop", "learningRate", "inf", r"1e-07 to 0.1 \(default"),
        ("outcrop", "learningRate", "fast", "'learningRate' cannot be 'fast'"),
        ("outcrop", "fineTuningMethod", "LoRA", "one of lora, full"),
        ("cohere.command", "batchSize", "16", "from 8 to 8"),
        ("meta.llama3", "batchSize", "2", "from 1 to 1"),
        ("amazon.titan-text-premier", "learningRateWarmupSteps", "21", "from 0 to 20"),
        ("anthropic.claude-3-haiku", "learningRate", "1e-4", "'learningRate' is unknown"),
    ],
)
def test_a_bad_value_is_named_with_the_range(name: str, key: str, value: str, words: str) -> None:
    with pytest.raises(HyperparameterError, match=words):
        family(name).parse({key: value})


def test_our_own_keys_are_accepted_by_every_family() -> None:
    values = family("meta.llama3").parse(
        {"fineTuningMethod": "full", "loraRank": "4", "seed": "7", "checkpointInterval": "3"}
    )
    assert (values.method, values.lora_rank, values.lora_alpha) == ("full", 4, 8.0)
    assert (values.seed, values.checkpoint_interval) == (7, 3)


def test_full_fine_tuning_has_a_lower_default_rate_but_obeys_a_given_one() -> None:
    outcrop = family("outcrop")
    default = outcrop.parse({}).learning_rate
    assert outcrop.parse({"fineTuningMethod": "full"}).learning_rate == pytest.approx(default / 10)
    given = {"fineTuningMethod": "full", "learningRate": "0.01"}
    assert outcrop.parse(given).learning_rate == 0.01


def test_claudes_multiplier_scales_a_base_rate() -> None:
    haiku = family("anthropic.claude-3-haiku")
    one, two = (haiku.parse({"learningRateMultiplier": text}) for text in ("1", "2"))
    assert two.learning_rate == 2 * one.learning_rate


def test_half_of_early_stopping_brings_the_other_half() -> None:
    values = family("outcrop").parse({"earlyStoppingPatience": "3"})
    assert (values.early_stopping_patience, values.early_stopping_threshold) == (3, 0.001)
    assert family("outcrop").parse({}).early_stopping_patience is None


@pytest.mark.parametrize(
    ("model_id", "name"),
    [
        ("cohere.command-light-text-v14:7:4k", "cohere.command-light"),
        ("cohere.command-text-v14", "cohere.command"),
        ("us.meta.llama3-2-1b-instruct-v1:0", "meta.llama3"),
        ("amazon.nova-micro-v1:0:128k", "amazon.nova"),
        ("outcrop.nano-v1:0", "outcrop"),
        ("someone.else-v1", "outcrop"),
    ],
)
def test_a_model_id_tells_its_family(model_id: str, name: str) -> None:
    assert family_of(model_id) == name


def test_an_unknown_family_is_refused_with_the_list() -> None:
    with pytest.raises(HyperparameterError, match="choose one of amazon"):
        family("mistral")
