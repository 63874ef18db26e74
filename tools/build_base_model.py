"""Builds the bundled base model ``outcrop.nano-v1:0`` from text this repository generates.

Run from anywhere: ``python tools/build_base_model.py [--out DIR] [--quick-check]``.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, LlamaForCausalLM

sys.path.insert(0, str(Path(__file__).parent))

from base_model import evaluation, tokenization, training
from base_model.card import CardFacts, PartBits, write_card
from base_model.chat import BOS, END, PAD, SPECIAL_TOKENS
from base_model.documents import DocumentStream, load_corpus, vocabulary_lines
from base_model.heldout import load_heldout
from base_model.ngram import KneserNey
from base_model.training import TrainingPlan, TrainingText

DEFAULT_OUT = Path(__file__).parent.parent / "src" / "outcrop" / "bundled" / "nano_v1"
TOKENIZER_DOCUMENTS = 12_000
TEXT_SEED, LONG_SEED, TOKENIZER_SEED = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights of an unfinished run.

    Attributes:
        folder: a model folder written under ``--checkpoints``.
        step: the restart of the plan that the weights precede.
    """

    folder: Path
    step: int


def main() -> None:
    """Build the folder, or with ``--quick-check`` build two small ones and compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder to write")
    parser.add_argument(
        "--quick-check",
        action="store_true",
        help="train a few steps twice and compare the hashes; writes under --out",
    )
    parser.add_argument(
        "--checkpoints", type=Path, help="folder for the weights before each restart of the plan"
    )
    parser.add_argument(
        "--resume", nargs=2, metavar=("FOLDER", "STEP"), help="go on from such a checkpoint"
    )
    arguments = parser.parse_args()
    if arguments.quick_check:
        hashes = [build(arguments.out / name, TrainingPlan.short()) for name in ("a", "b")]
        if hashes[0] != hashes[1]:
            sys.exit(f"the two builds differ: {hashes[0]} and {hashes[1]}")
        _say(f"equal builds: {hashes[0]}")
        return
    resume = arguments.resume
    checkpoint = Checkpoint(Path(resume[0]), int(resume[1])) if resume else None
    build(arguments.out, TrainingPlan(), arguments.checkpoints, checkpoint)


def build(
    out: Path,
    plan: TrainingPlan,
    checkpoints: Path | None = None,
    checkpoint: Checkpoint | None = None,
) -> str:
    """Write the model folder and return the sha256 of its weights.

    Args:
        out: the folder, made if missing.
        plan: how to train.
        checkpoints: a folder that gets the weights before each restart of the plan.
        checkpoint: where to go on from; the result is that of an undisturbed run.
    """
    training.make_repeatable(plan.threads)
    out.mkdir(parents=True, exist_ok=True)
    begun = training.clock()
    tokenizer = _build_tokenizer(out)
    tokens = _encode(
        tokenizer,
        iter(DocumentStream.training(TEXT_SEED)),
        plan.token_count(is_long=False),
    )
    long_tokens = _encode(
        tokenizer, DocumentStream.training(LONG_SEED).long(), plan.token_count(is_long=True)
    )
    _say(f"text ready: {len(tokens) + len(long_tokens)} tokens, {training.clock() - begun:.0f} s")
    ids = [tokenizer.get_vocab()[token] for token in (END, BOS, PAD)]
    model = training.new_model(training.model_config(tokenizer.get_vocab_size(), *ids), plan.seed)
    if checkpoint is not None:
        model = LlamaForCausalLM.from_pretrained(checkpoint.folder, dtype=torch.float32)
    text = TrainingText(tokens, long_tokens)
    report = _Progress(plan, begun, checkpoints)
    training.train(model, plan, text, report, checkpoint.step if checkpoint else None)
    model = _save(model, out)
    seen = np.concatenate([tokens, long_tokens]).astype(np.int64)
    facts = _measure(model, tokenizer, seen, plan, out)
    write_card(out / "CARD.md", facts)
    _say(f"done in {training.clock() - begun:.0f} s: {facts}")
    return facts.weights_sha256


def _build_tokenizer(out: Path) -> Tokenizer:
    """Train the tokenizer on generated text, the written corpus and the word lists."""
    marks = re.compile("|".join(map(re.escape, SPECIAL_TOKENS)))
    documents = islice(iter(DocumentStream.training(TOKENIZER_SEED)), TOKENIZER_DOCUMENTS)
    texts = [part for document in documents for part in marks.split(document) if part]
    written = [f"{piece.text}\n{piece.summary}" for piece in load_corpus(is_heldout=False)]
    tokenizer = tokenization.train_tokenizer(texts + 4 * written + vocabulary_lines())
    tokenization.save_tokenizer(tokenizer, out, context_length=2048)
    return tokenizer


def _encode(tokenizer: Tokenizer, documents: Iterator[str], count: int) -> np.ndarray:
    """Return the first ``count`` tokens of a stream of documents."""
    pieces: list[np.ndarray] = []
    total = 0
    while total < count:
        batch = list(islice(documents, 512))
        for encoding in tokenizer.encode_batch(batch, add_special_tokens=False):
            pieces.append(np.array(encoding.ids, dtype=np.uint16))
            total += len(encoding.ids)
    return np.concatenate(pieces)[:count]


def _save(model: LlamaForCausalLM, out: Path) -> LlamaForCausalLM:
    """Write the weights in bfloat16, and return the model as a reader of the folder gets it."""
    model = model.to(torch.bfloat16)
    model.generation_config = GenerationConfig(
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
        do_sample=False,
        max_new_tokens=256,
    )
    model.save_pretrained(out)
    loaded: LlamaForCausalLM = LlamaForCausalLM.from_pretrained(out, dtype=torch.float32)
    return loaded.eval()


def _measure(
    model: LlamaForCausalLM, tokenizer: Tokenizer, seen: np.ndarray, plan: TrainingPlan, out: Path
) -> CardFacts:
    """Measure the saved model and the 5-gram models trained on the same text."""
    plain = tokenizer.decode(seen.tolist(), skip_special_tokens=False)
    parts = _measure_parts(model, tokenizer, seen, plain)
    texts = [text for part in load_heldout().values() for text in part]
    return CardFacts(
        parameters=sum(weight.numel() for weight in model.parameters()),
        steps=plan.steps,
        tokens_seen=plan.steps * plan.tokens_per_step,
        text_characters=len(plain),
        written_characters=sum(len(p.text) + len(p.summary) for p in load_corpus(is_heldout=False)),
        threads=plan.threads,
        processor=_processor(),
        overall=parts.pop("overall"),
        parts=parts,
        characters_per_token=tokenization.characters_per_token(tokenizer, texts),
        copying=evaluation.copying_report(model, tokenizer),
        weights_sha256=hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest(),
        torch_version=str(torch.__version__),
    )


def _measure_parts(
    model: LlamaForCausalLM, tokenizer: Tokenizer, seen: np.ndarray, plain: str
) -> dict[str, PartBits]:
    """Return the bits per character by part of the held-out text, and ``overall``."""
    parts = load_heldout()
    parts["overall"] = [text for part in parts.values() for text in part]
    token_model = KneserNey(seen, tokenizer.get_vocab_size())
    for position, token in enumerate(SPECIAL_TOKENS):
        # One character each: the character model must not pay for spelling them.
        plain = plain.replace(token, chr(1 + position))
    coder = evaluation.CharacterCoder(plain)
    character_model = KneserNey(coder.encode(plain), coder.size)
    begin = chr(1 + SPECIAL_TOKENS.index(BOS))
    return {
        name: PartBits(
            characters=sum(map(len, texts)),
            model=evaluation.heldout_bits(model, tokenizer, texts),
            token_ngram=evaluation.token_ngram_bits(token_model, tokenizer, texts),
            character_ngram=evaluation.character_ngram_bits(character_model, coder, texts, begin),
        )
        for name, texts in parts.items()
    }


def _processor() -> str:
    """Return the processor as the operating system names it, with its vector unit."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


class _Progress:
    """Reports the loss, and keeps the weights before each restart."""

    def __init__(self, plan: TrainingPlan, begun: float, keep: Path | None) -> None:
        self._plan, self._begun, self._keep = plan, begun, keep

    def __call__(self, step: int, loss: float, model: LlamaForCausalLM) -> None:
        seconds = training.clock() - self._begun
        _say(f"step {step}/{self._plan.steps} loss {loss:.3f} after {seconds:.0f} s")
        if self._keep is not None and step + 1 in self._plan.restarts:
            _save(copy.deepcopy(model), self._keep / f"{step + 1}")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
