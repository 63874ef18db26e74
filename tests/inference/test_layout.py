"""Training, scoring and generation lay tokens out alike."""

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from inference.tiny_llama import build_model
from outcrop.inference.layout import encode_completion, encode_prompt
from outcrop.training.worker.data import RecordTokenizer

PAIRS = [
    ("Where does it run?", "Past the old mill."),
    ("東京 🙂", "  leading blanks and Zürich\n"),
    ("Please send", "the parcel<|end|>"),
]


@pytest.mark.parametrize("chat", [True, False])
def test_a_prompt_completion_record_is_trained_on_the_tokens_it_is_asked_and_scored_with(
    tmp_path: Path, chat: bool
) -> None:
    model = build_model(tmp_path / "model", chat=chat)
    records = tmp_path / "train.jsonl"
    lines = [json.dumps({"prompt": prompt, "completion": answer}) for prompt, answer in PAIRS]
    records.write_text("\n".join(lines) + "\n")
    rows = RecordTokenizer(model, 192).read(records, "train.jsonl", lambda: None)
    tokenizer = AutoTokenizer.from_pretrained(model)
    end_ids = frozenset({tokenizer.eos_token_id})
    for row, (prompt, answer) in zip(rows, PAIRS, strict=True):
        turns = [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": answer},
        ]
        head = encode_prompt(tokenizer, turns[:1], end_ids)
        tail = encode_completion(tokenizer, turns, end_ids)
        assert row.tokens_T.tolist()[: len(head) + len(tail)] == head + tail
        assert row.labels_N.tolist() == list(range(len(head), len(head) + len(tail)))
        assert tail[-1] == tokenizer.eos_token_id
