"""Measures of the trained model: code length of held-out text, and in-context copying."""

from __future__ import annotations

from random import Random

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from base_model.chat import BOS, render
from base_model.lexicon import Lexicon
from base_model.ngram import KneserNey
from base_model.scenarios import draw_dialogue, load_scenarios
from base_model.tasks import Task, lookup, passage_questions, repeat_text
from base_model.training import bits_per_character


def heldout_bits(model: LlamaForCausalLM, tokenizer: Tokenizer, texts: list[str]) -> float:
    """Return the bits per character of the model on ``texts``."""
    documents = [tokenizer.encode(BOS + text, add_special_tokens=False).ids for text in texts]
    return bits_per_character(model, documents, sum(map(len, texts)))


def token_ngram_bits(model: KneserNey, tokenizer: Tokenizer, texts: list[str]) -> float:
    """Return the bits per character of a 5-gram model over tokens."""
    bits = 0.0
    for text in texts:
        ids = tokenizer.encode(BOS + text, add_special_tokens=False).ids
        bits += model.bits(np.array(ids, dtype=np.int64), start=1)
    return bits / sum(map(len, texts))


class CharacterCoder:
    """Numbers the characters of a text; unknown ones share the number 0."""

    def __init__(self, text: str) -> None:
        self._numbers = {char: number for number, char in enumerate(sorted(set(text)), start=1)}
        self.size = len(self._numbers) + 1

    def encode(self, text: str) -> np.ndarray:
        """Return the numbers of the characters of ``text``."""
        return np.array([self._numbers.get(char, 0) for char in text], dtype=np.int64)


def character_ngram_bits(
    model: KneserNey, coder: CharacterCoder, texts: list[str], begin: str
) -> float:
    """Return the bits per character of a 5-gram model over characters.

    Args:
        model: trained on the numbers of ``coder``.
        coder: numbers the characters.
        texts: held-out documents.
        begin: the character that opens every document in the training text.
    """
    bits = sum(model.bits(coder.encode(begin + text), start=1) for text in texts)
    return bits / sum(map(len, texts))


def copying_accuracy(
    model: LlamaForCausalLM, tokenizer: Tokenizer, task: Task, count: int = 50
) -> float:
    """Return the share of answers of ``task`` whose every token is the model's first choice.

    The fillers are the reserved ones, so the answers cannot come from memory.
    """
    rng, lexicon, right, total = Random(7), Lexicon.reserved(), 0, 0
    for _ in range(count):
        messages = task(rng, lexicon)
        for at in range(len(messages)):
            if messages[at][0] == "assistant":
                right += _is_first_choice(model, tokenizer, messages[: at + 1])
                total += 1
    return right / total


def copying_report(model: LlamaForCausalLM, tokenizer: Tokenizer) -> dict[str, float]:
    """Return copying accuracy by task, and the share of speakers named in summaries."""
    tasks = (lookup, repeat_text, passage_questions)
    report = {task.__name__: copying_accuracy(model, tokenizer, task) for task in tasks}
    return {**report, "summary_names": summary_names(model, tokenizer)}


def summary_names(model: LlamaForCausalLM, tokenizer: Tokenizer, count: int = 20) -> float:
    """Return the share of greedy summaries that name a speaker and one more filler."""
    rng, right = Random(11), 0
    for _ in range(count):
        dialogue = draw_dialogue(rng, Lexicon.reserved(), load_scenarios())
        prompt = f"Summarize the following conversation.\n\n{dialogue.text()}"
        answer = complete(model, tokenizer, prompt)
        speakers = {speaker for speaker, _ in dialogue.turns}
        named = any(speaker in answer for speaker in speakers)
        right += named and any(filler in answer for filler in dialogue.fillers.values())
    return right / count


def complete(model: LlamaForCausalLM, tokenizer: Tokenizer, prompt: str, limit: int = 80) -> str:
    """Return the greedy answer of the model to a user prompt."""
    text = render([("user", prompt)]) + "<|assistant|>"
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False).ids])
    with torch.inference_mode():
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, do_sample=False
        )
    return tokenizer.decode(out[0, ids.size(1) :].tolist(), skip_special_tokens=True)


def _is_first_choice(
    model: LlamaForCausalLM, tokenizer: Tokenizer, messages: list[tuple[str, str]]
) -> bool:
    prompt = render(messages[:-1]) + "<|assistant|>"
    start = len(tokenizer.encode(prompt, add_special_tokens=False).ids)
    ids = torch.tensor([tokenizer.encode(render(messages), add_special_tokens=False).ids])
    with torch.inference_mode():
        choices = model(ids).logits[0, start - 1 : -1].argmax(-1)
    return bool((choices == ids[0, start:]).all())
