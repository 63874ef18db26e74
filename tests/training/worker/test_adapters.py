"""Adapters: what they compute, and that PEFT reads what they save."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from outcrop.core.errors import JobFailed
from outcrop.training.worker import adapters
from outcrop.training.worker.adapters import AdapterShape
from outcrop.training.worker.model import load_model

CPU = torch.device("cpu")
IDS = torch.arange(20)[None] + 6


@pytest.fixture
def saved(tiny_llama: Path, tmp_path: Path) -> tuple[Path, torch.Tensor]:
    """An adapter with grown weights on disk, and the logits of the model with it."""
    torch.set_num_threads(1)
    module = load_model(tiny_llama, CPU, frozen=True).module.eval()
    shape = AdapterShape(4, 12.0, 0.1)
    parameters = adapters.add_adapter(module, shape, seed=3)
    torch.manual_seed(0)
    for parameter in parameters.values():
        torch.nn.init.normal_(parameter, std=0.2)
    adapters.save_adapter(tmp_path / "adapter", parameters, shape, "tiny")
    return tmp_path / "adapter", module(IDS).logits.detach()


def test_a_new_adapter_changes_nothing(tiny_llama: Path) -> None:
    plain = AutoModelForCausalLM.from_pretrained(tiny_llama).eval()(IDS).logits
    module = load_model(tiny_llama, CPU, frozen=True).module.eval()
    parameters = adapters.add_adapter(module, AdapterShape(4, 8.0, 0.0), seed=3)
    torch.testing.assert_close(module(IDS).logits, plain)
    assert (
        len(parameters) == 2 * 7 * 2
    )  # A and B of seven layers in each of two blocks, not the head


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # PEFT's own call
def test_peft_loads_a_saved_adapter_to_the_same_logits(
    tiny_llama: Path, saved: tuple[Path, torch.Tensor]
) -> None:
    folder, logits = saved
    base = AutoModelForCausalLM.from_pretrained(tiny_llama)
    model = PeftModel.from_pretrained(base, folder).eval()
    torch.testing.assert_close(model(IDS).logits, logits, rtol=1e-4, atol=1e-5)
    plain = AutoModelForCausalLM.from_pretrained(tiny_llama).eval()
    assert (plain(IDS).logits - logits).abs().max() > 1e-2


def test_an_adapter_can_be_continued(tiny_llama: Path, saved: tuple[Path, torch.Tensor]) -> None:
    folder, logits = saved
    shape, tensors = adapters.read_adapter(folder)
    assert (shape.rank, shape.alpha, shape.dropout) == (4, 12.0, 0.1)
    module = load_model(tiny_llama, CPU, frozen=True).module.eval()
    adapters.load_adapter(adapters.add_adapter(module, shape, seed=9), tensors)
    torch.testing.assert_close(module(IDS).logits, logits)


def test_merging_gives_the_same_logits_without_the_adapter(
    tiny_llama: Path, saved: tuple[Path, torch.Tensor]
) -> None:
    folder, logits = saved
    module = load_model(tiny_llama, CPU, frozen=False).module.eval()
    adapters.merge_adapter(module, folder)
    torch.testing.assert_close(module(IDS).logits, logits, rtol=1e-4, atol=1e-5)


def test_gradients_equal_those_of_the_plain_formula() -> None:
    torch.manual_seed(0)
    layer = adapters.LowRankLinear(
        torch.nn.Linear(6, 5).requires_grad_(False), AdapterShape(3, 6.0, 0.0), torch.Generator()
    )
    torch.nn.init.normal_(layer.B_OR)
    x = torch.randn(2, 4, 6, requires_grad=True)
    weight = torch.randn(2, 4, 5)
    (layer(x) * weight).sum().backward()
    fused = [item.grad.clone() for item in (x, layer.A_RI, layer.B_OR) if item.grad is not None]
    x.grad = layer.A_RI.grad = layer.B_OR.grad = None
    plain = layer.frozen(x) + 2.0 * x @ layer.A_RI.t() @ layer.B_OR.t()
    (plain * weight).sum().backward()
    for ours, expected in zip(fused, (x.grad, layer.A_RI.grad, layer.B_OR.grad), strict=True):
        assert expected is not None
        torch.testing.assert_close(ours, expected)


def test_an_adapter_of_another_model_is_refused(
    saved: tuple[Path, torch.Tensor], tiny_llama: Path
) -> None:
    _, tensors = adapters.read_adapter(saved[0])
    module = load_model(tiny_llama, CPU, frozen=True).module
    parameters = adapters.add_adapter(module, AdapterShape(8, 16.0, 0.0), seed=0)
    with pytest.raises(JobFailed, match="another shape"):
        adapters.load_adapter(parameters, tensors)
    tensors.popitem()
    with pytest.raises(JobFailed, match="does not cover"):
        adapters.load_adapter(parameters, tensors)
