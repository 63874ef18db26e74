from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from base_model.chat import CHAT_TEMPLATE, render
from base_model.heldout import HELDOUT_PATH, load_heldout

ORDINARY_DIALOGUE = """\
#Person1#: Excuse me, is this seat taken?
#Person2#: No, please sit down. I was just about to move my bag.
#Person1#: Thanks. I've been on my feet all day, and the train is always so crowded at this hour.
#Person2#: Are you on your way home from work?
#Person1#: Yes, I work at the hospital near the river. What about you?
#Person2#: I'm visiting my sister. She has just had a baby, and I can't wait to see him.
#Person1#: Congratulations! Have they chosen a name yet?
#Person2#: Not yet. They've been arguing about it for weeks, but I don't mind what they call him.
"""


@pytest.fixture(scope="module")
def tokenizer(model_folder: Path) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(model_folder)


@pytest.fixture(scope="module")
def card(model_folder: Path) -> str:
    return (model_folder / "CARD.md").read_text(encoding="utf-8")


def card_figure(card: str, label: str) -> float:
    found = re.search(rf"\| {re.escape(label)}[^|]*\| `?([0-9.]+)", card)
    assert found, f"the card has no row {label!r}"
    return float(found[1])


def heldout_texts() -> list[str]:
    return [text for texts in load_heldout().values() for text in texts]


def ids_of(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return [int(number) for number in ids]


def test_the_folder_is_at_most_ten_megabytes(model_folder: Path) -> None:
    assert sum(path.stat().st_size for path in model_folder.iterdir()) <= 10_000_000


def test_the_weights_are_the_ones_the_card_names(model_folder: Path, card: str) -> None:
    digest = hashlib.sha256((model_folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest in card


def test_it_is_a_llama_of_a_few_million_parameters_with_a_long_context(model_folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    assert type(model).__name__ == "LlamaForCausalLM"
    assert 2e6 < sum(weight.numel() for weight in model.parameters()) < 6e6
    assert model.config.max_position_embeddings >= 2048
    assert model.generation_config.eos_token_id == model.config.eos_token_id


def test_padding_and_end_of_turn_are_different_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.eos_token == "<|end|>"
    assert tokenizer.pad_token_id not in {tokenizer.eos_token_id, tokenizer.bos_token_id, None}


@pytest.mark.parametrize(
    "completion", ["Anna calls.", " Anna calls.", "\nAnna", "#Person1# asks.", "[A] 12"]
)
def test_a_prompt_is_a_token_prefix_of_prompt_and_completion(
    tokenizer: PreTrainedTokenizerBase, completion: str
) -> None:
    turn = {"role": "user", "content": ORDINARY_DIALOGUE + " "}
    prompt = tokenizer.apply_chat_template([turn], tokenize=False, add_generation_prompt=True)
    answer = {"role": "assistant", "content": completion}
    whole = tokenizer.apply_chat_template([turn, answer], tokenize=False)
    prompt_ids, whole_ids = ids_of(tokenizer, str(prompt)), ids_of(tokenizer, str(whole))
    assert whole_ids[: len(prompt_ids)] == prompt_ids
    assert whole_ids[-1] == tokenizer.eos_token_id


def test_training_text_and_chat_template_agree(
    tokenizer: PreTrainedTokenizerBase, model_folder: Path
) -> None:
    messages = [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hi")]
    dicts = [{"role": role, "content": content} for role, content in messages]
    assert tokenizer.apply_chat_template(dicts, tokenize=False) == render(messages)
    assert (model_folder / "chat_template.jinja").read_text(encoding="utf-8") == CHAT_TEMPLATE


def test_an_unknown_role_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(Exception, match="roles are system, user and assistant"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)


def test_ordinary_dialogue_takes_few_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    assert len(ORDINARY_DIALOGUE) / len(ids_of(tokenizer, ORDINARY_DIALOGUE)) >= 3.3


@pytest.mark.parametrize(
    "text", ["naïve café — “quotes”", "日本語 🙂", "a\tb\r\n  c", "#Person12#: x", "\x00"]
)
def test_any_text_comes_back_from_its_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    assert tokenizer.decode(ids_of(tokenizer, text)) == text


def test_the_card_states_the_bits_per_character_that_the_model_has(
    tokenizer: PreTrainedTokenizerBase, model_folder: Path, card: str
) -> None:
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval()
    texts = heldout_texts()
    nats = 0.0
    with torch.inference_mode():
        for text in texts:
            ids = torch.tensor([ids_of(tokenizer, "<|bos|>" + text)])
            logits = model(ids[:, :-1]).logits[0]
            nats += torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
    measured = nats / math.log(2) / sum(map(len, texts))
    stated = card_figure(card, f"Bits per character on `tools/base_model/{HELDOUT_PATH.name}`")
    assert measured == pytest.approx(stated, rel=0.01)


def test_the_card_states_a_gain_of_a_quarter_over_the_5_gram_of_characters(card: str) -> None:
    own = card_figure(card, "Bits per character on `tools/base_model/heldout.txt`")
    assert own <= 0.75 * card_figure(card, "5-gram over characters")


def test_the_card_states_a_gain_of_a_quarter_over_the_better_5_gram(card: str) -> None:
    own = card_figure(card, "Bits per character on `tools/base_model/heldout.txt`")
    tokens = card_figure(card, "5-gram over tokens")
    characters = card_figure(card, "5-gram over characters")
    assert own <= 0.75 * min(tokens, characters)


def test_text_at_the_end_of_a_full_context_costs_little_more_than_in_a_short_one(
    tokenizer: PreTrainedTokenizerBase, model_folder: Path
) -> None:
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval()
    ids = [i for text in heldout_texts() for i in ids_of(tokenizer, f"<|bos|>{text}<|end|>")]

    def loss_of_last(count: int, context: list[int]) -> float:
        with torch.inference_mode():
            logits = model(torch.tensor([context])).logits[0, -count - 1 : -1]
        targets = torch.tensor(context[-count:])
        return torch.nn.functional.cross_entropy(logits, targets).item()

    for start in (0, 6000):
        row = ids[start : start + 2048]
        assert loss_of_last(400, row) < 1.15 * loss_of_last(400, row[-600:])
