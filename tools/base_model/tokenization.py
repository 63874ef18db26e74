"""Trains the byte-level BPE tokenizer and writes it as a Hugging Face tokenizer folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from base_model.chat import BOS, CHAT_TEMPLATE, END, PAD, SPECIAL_TOKENS

VOCABULARY_SIZE = 4096
_CURLY = "\u2019"
CUT_PATTERN = (
    r" ?#Person\d+#:?"  # speaker labels are one unit, with the colon that opens a turn
    rf"| ?\p{{L}}+(?:['{_CURLY}](?:[sdmtSDMT]|ll|ve|re)(?!\p{{L}}))?"  # a word keeps its contraction
    r"| ?\p{N}{1,2}"
    r"| ?[^\s\p{L}\p{N}]+\n*"  # punctuation keeps the line break that follows it
    r"|\s+(?!\S)|\s+"
)
"""How text is cut before merges are learned; merges never cross a cut."""


def train_tokenizer(texts: Iterable[str], vocabulary_size: int = VOCABULARY_SIZE) -> Tokenizer:
    """Train a byte-level BPE tokenizer; every text can be encoded and decoded back.

    Args:
        texts: training texts without special tokens.
        vocabulary_size: tokens altogether, special tokens and the 256 bytes included.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CUT_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path, context_length: int) -> None:
    """Write ``tokenizer.json``, ``tokenizer_config.json`` and ``chat_template.jinja``."""
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": END,
        "pad_token": PAD,
        "model_max_length": context_length,
        "clean_up_tokenization_spaces": False,
        "add_bos_token": False,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    text = json.dumps(settings, indent=2) + "\n"
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")


def characters_per_token(tokenizer: Tokenizer, texts: Iterable[str]) -> float:
    """Return the characters of ``texts`` divided by their tokens."""
    listed = list(texts)
    encoded = tokenizer.encode_batch(listed, add_special_tokens=False)
    return sum(map(len, listed)) / sum(len(encoding.ids) for encoding in encoded)
