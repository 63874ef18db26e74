"""Greedy answers equal those of transformers' own generate, token for token."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from inference.native.local_engine import LocalEngine
from outcrop.inference.engine import GenerationRequest, Prompt
from outcrop.inference.layout import encode_prompt

TIE = 1e-4
PROMPTS = [
    "Hello",
    "Could you tell me when the next train leaves? I have been waiting here for the whole summer.",
    "Zürich 東京",
    "Please send " * 12,
    "the old mill and the children",
    "🙂",
]


class Reference:
    """transformers, and PEFT where an adapter is given."""

    def __init__(self, base: Path, adapter: Path | None) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(base)
        if adapter is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                self.model = PeftModel.from_pretrained(self.model, adapter)
        self.model.eval()

    def generate(self, ids: Sequence[int], tokens: int) -> tuple[list[int], list[float]]:
        """Return greedy tokens and, at each, the gap between the best two logits."""
        inputs = torch.tensor([ids])
        output = self.model.generate(
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            max_new_tokens=tokens,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
            pad_token_id=0,
        )
        gaps = [float(two[0, 0] - two[0, 1]) for two in (x.topk(2).values for x in output.logits)]
        return output.sequences[0, len(ids) :].tolist(), gaps


def same_until_a_tie(ours: list[int], theirs: list[int], gaps: list[float]) -> bool:
    for mine, its, gap in zip(ours, theirs, gaps, strict=False):
        if mine != its:
            return gap < TIE
    return len(ours) == len(theirs)


class Recorder:
    """Notes the tokens that the scheduler accepts for each request."""

    def __init__(self, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tokens: dict[int, list[int]] = {}
        accept = engine.scheduler._accept

        def note(generation: object, token: int) -> bool:
            number = generation.address[1]  # type: ignore[attr-defined]
            self.tokens.setdefault(number, []).append(token)
            return accept(generation, token)  # type: ignore[arg-type]

        monkeypatch.setattr(engine.scheduler, "_accept", note)


@pytest.mark.parametrize("adapted", [False, True])
def test_one_request_alone_gives_the_tokens_of_transformers(
    engine: LocalEngine,
    tiny_model: Path,
    tiny_adapters: list[Path],
    adapted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter = tiny_adapters[0] if adapted else None
    reference = Reference(tiny_model, adapter)
    recorder = Recorder(engine, monkeypatch)
    for text in PROMPTS[:3]:
        prompt = Prompt.from_user(text)
        number = engine.start(GenerationRequest(prompt, max_tokens=40), adapter)
        engine.collect(number)
        ids = encode_prompt(engine.model.tokenizer, prompt.chat, engine.model.end_ids)
        assert same_until_a_tie(recorder.tokens[number], *reference.generate(ids, 40))


def test_mixed_batches_of_base_and_adapters_give_the_tokens_of_transformers(
    engine: LocalEngine,
    tiny_model: Path,
    tiny_adapters: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapters = [None, *tiny_adapters]
    references = [Reference(tiny_model, adapter) for adapter in adapters]
    recorder = Recorder(engine, monkeypatch)
    started = []
    for index, text in enumerate(PROMPTS * 2):
        which = index % 3
        tokens = 10 + 7 * (index % 5)
        prompt = Prompt.from_user(text)
        request = GenerationRequest(prompt, max_tokens=tokens)
        started.append((engine.start(request, adapters[which]), which, prompt, tokens))
    for number, which, prompt, tokens in started:
        _, last = engine.collect(number)
        assert last["event"] == "finished"
        ids = encode_prompt(engine.model.tokenizer, prompt.chat, engine.model.end_ids)
        assert same_until_a_tie(
            recorder.tokens[number], *references[which].generate(ids, tokens)
        ), f"request {number}, adapter {which}"


def test_adapters_change_answers(engine: LocalEngine, tiny_adapters: list[Path]) -> None:
    request = GenerationRequest(Prompt.from_user("Hello"), max_tokens=20)
    texts = {engine.generate(request, adapter)[0] for adapter in [None, *tiny_adapters]}
    assert len(texts) == 3


def test_scores_equal_the_loss_of_transformers(
    engine: LocalEngine, tiny_model: Path, tiny_adapters: list[Path]
) -> None:
    completions = ["The river", "Please send the parcel before Friday noon.", "東京"]
    prompt = Prompt.from_user("Where does it run?")
    prompt_ids = encode_prompt(engine.model.tokenizer, prompt.chat, engine.model.end_ids)
    for adapter in (None, tiny_adapters[1]):
        reference = Reference(tiny_model, adapter)
        for text, answer in zip(
            completions, engine.score(prompt, completions, adapter), strict=True
        ):
            tail = [*engine.model.tokenizer.encode(text, add_special_tokens=False), 2]
            labels = torch.tensor([[-100] * len(prompt_ids) + tail])
            ids = torch.tensor([prompt_ids + tail])
            with torch.no_grad():
                loss = reference.model(input_ids=ids, labels=labels).loss
            assert answer["tokens"] == len(tail)
            assert answer["logprob_nats"] == pytest.approx(-float(loss) * len(tail), rel=1e-4)
