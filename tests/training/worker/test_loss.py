"""The loss and its gradient against a plain transformers computation, however the batch is cut."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    MistralConfig,
    MistralForCausalLM,
)

from outcrop.training.worker import loss
from outcrop.training.worker.adapters import AdapterShape, add_adapter
from outcrop.training.worker.batches import PackLimits, Row
from outcrop.training.worker.data import RecordTokenizer
from outcrop.training.worker.model import LanguageModel, load_model
from support.tiny_llama import write_pairs

CPU = torch.device("cpu")
ONE_ROW_A_PACK = PackLimits(tokens=1, labels=1_000_000, rows=1_000_000)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def rows(tiny_llama: Path, tmp_path: Path) -> list[Row]:
    path = write_pairs(tmp_path / "d.jsonl", 8)
    read = RecordTokenizer(tiny_llama, 256).read(path, "d", lambda: None)
    assert len({row.tokens for row in read}) > 3
    return read


def _naive_loss(module: torch.nn.Module, rows: list[Row]) -> torch.Tensor:
    """Return the mean over all labelled tokens, from whole logits, one row at a time."""
    terms = []
    for row in rows:
        ids = row.tokens_T.long()
        logits = module(input_ids=ids[None]).logits[0]
        places = row.labels_N.long()
        terms.append(F.cross_entropy(logits[places - 1], ids[places], reduction="none"))
    return torch.cat(terms).mean()


def _gradients(model: LanguageModel, rows: list[Row]) -> tuple[float, dict[str, torch.Tensor]]:
    model.module.zero_grad()
    value = loss.backward(model, rows)
    named = model.module.named_parameters()
    return value, {name: item.grad.clone() for name, item in named if item.grad is not None}


def _assert_close(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    assert left
    for name, gradient in left.items():
        torch.testing.assert_close(gradient, right[name], rtol=1e-4, atol=1e-7)


def test_loss_and_gradients_of_all_weights_equal_the_naive_ones(
    tiny_llama: Path, rows: list[Row]
) -> None:
    model = load_model(tiny_llama, CPU, frozen=False)
    assert model.is_packed
    value, gradients = _gradients(model, rows)
    plain = AutoModelForCausalLM.from_pretrained(tiny_llama)
    expected = _naive_loss(plain, rows)
    expected.backward()  # type: ignore[no-untyped-call]
    assert value == pytest.approx(expected.item(), rel=1e-5)
    _assert_close(gradients, {name: p.grad for name, p in plain.named_parameters()})


def test_a_batch_of_eight_equals_eight_accumulations_of_one(
    tiny_llama: Path, rows: list[Row]
) -> None:
    model = load_model(tiny_llama, CPU, frozen=True)
    parameters = add_adapter(model.module, AdapterShape(4, 8.0, 0.0), seed=1)
    for parameter in parameters.values():
        torch.nn.init.normal_(parameter, std=0.1)
    packed = _gradients(model, rows)
    model.limits = ONE_ROW_A_PACK
    separate = _gradients(model, rows)
    assert packed[0] == pytest.approx(separate[0], rel=1e-6)
    _assert_close(packed[1], separate[1])


def test_validation_loss_does_not_depend_on_packing(tiny_llama: Path, rows: list[Row]) -> None:
    model = load_model(tiny_llama, CPU, frozen=True)
    packed = loss.mean_loss(model, rows, lambda: None)
    model.limits = ONE_ROW_A_PACK
    assert loss.mean_loss(model, rows, lambda: None) == pytest.approx(packed, rel=1e-6)


def test_packed_sliding_windows_equal_separate_ones(tmp_path: Path, rows: list[Row]) -> None:
    config = MistralConfig(
        vocab_size=400,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=8,
    )
    torch.manual_seed(0)
    MistralForCausalLM(config).save_pretrained(tmp_path / "mistral")
    model = load_model(tmp_path / "mistral", CPU, frozen=True)
    assert model.is_packed
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "mistral").eval()
    value = loss.mean_loss(model, rows, lambda: None)
    assert value == pytest.approx(_naive_loss(plain, rows).item(), rel=1e-5)


def test_gpt2_with_its_transposed_layers_trains_as_the_formula_says(
    tmp_path: Path, rows: list[Row]
) -> None:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=4, n_positions=256)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    model = load_model(tmp_path / "gpt2", CPU, frozen=True)
    model.module.eval()
    parameters = add_adapter(model.module, AdapterShape(4, 8.0, 0.0), seed=1)
    value = loss.backward(model, rows)
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "gpt2").eval()
    assert value == pytest.approx(_naive_loss(plain, rows).item(), rel=1e-5)
    grown = [item.grad for name, item in parameters.items() if "lora_B" in name]
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in grown)
