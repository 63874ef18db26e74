"""How records become tokens, and which of them carry a label."""

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from outcrop.core.errors import DatasetError
from outcrop.training.worker.batches import Row
from outcrop.training.worker.data import RecordTokenizer


def _read(model: Path, tmp_path: Path, *records: object, context_tokens: int = 256) -> list[Row]:
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return RecordTokenizer(model, context_tokens).read(path, "s3://b/d.jsonl", lambda: None)


def _labelled(model: Path, row: Row) -> str:
    tokenizer = AutoTokenizer.from_pretrained(model)
    return str(tokenizer.decode(row.tokens_T[row.labels_N.long()].tolist()))


PAIR = {"prompt": "What is the order number?", "completion": "It is LD-8367."}
TURNS = [("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", "four")]
CONVERSATION = {
    "schemaVersion": "bedrock-conversation-2024",
    "system": [{"text": "Please summarise."}],
    "messages": [{"role": role, "content": [{"text": text}]} for role, text in TURNS],
}


def test_only_the_completion_and_its_end_token_are_labelled(
    tiny_llama: Path, tmp_path: Path
) -> None:
    (row,) = _read(tiny_llama, tmp_path, PAIR)
    assert _labelled(tiny_llama, row) == "It is LD-8367.<|end|>"


def test_the_tokens_before_the_answer_are_those_of_the_prompt_at_inference(
    tiny_llama: Path, tmp_path: Path
) -> None:
    (row,) = _read(tiny_llama, tmp_path, PAIR)
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": PAIR["prompt"]}], add_generation_prompt=True, return_dict=False
    )
    assert row.tokens_T[: int(row.labels_N[0])].tolist() == prompt
    assert row.tokens_T.tolist().count(tokenizer.bos_token_id) == 1


def test_every_assistant_turn_of_a_conversation_is_labelled(
    tiny_llama: Path, tmp_path: Path
) -> None:
    (row,) = _read(tiny_llama, tmp_path, CONVERSATION)
    assert _labelled(tiny_llama, row) == "two<|end|>four<|end|>"
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    turns = [("system", "Please summarise."), *TURNS]
    chat = [{"role": role, "content": text} for role, text in turns]
    whole = tokenizer.apply_chat_template(chat, return_dict=False)
    assert row.tokens_T.tolist() == whole


def test_without_a_template_prompt_and_completion_follow_each_other(
    template_free_llama: Path, tmp_path: Path
) -> None:
    (row,) = _read(template_free_llama, tmp_path, PAIR)
    tokenizer = AutoTokenizer.from_pretrained(template_free_llama)
    assert tokenizer.decode(row.tokens_T.tolist()) == (
        "What is the order number?It is LD-8367.<|end|>"
    )
    assert _labelled(template_free_llama, row) == "It is LD-8367.<|end|>"


def test_without_a_template_a_conversation_is_refused(
    template_free_llama: Path, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match="line 1: the base model has no chat template"):
        _read(template_free_llama, tmp_path, CONVERSATION)


def test_a_record_longer_than_the_context_is_an_error_and_never_cut(
    tiny_llama: Path, tmp_path: Path
) -> None:
    (row,) = _read(tiny_llama, tmp_path, PAIR)
    assert len(_read(tiny_llama, tmp_path, PAIR, PAIR, context_tokens=row.tokens)) == 2
    longer = {**PAIR, "completion": "It is LD-8367. It is LD-8367."}
    with pytest.raises(DatasetError, match=rf"d.jsonl, line 2: .* context of {row.tokens}"):
        _read(tiny_llama, tmp_path, PAIR, longer, context_tokens=row.tokens)


def test_a_template_that_rewrites_earlier_turns_is_refused(
    tiny_llama: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_llama, model)
    (model / "chat_template.jinja").write_text(
        "{{ messages | length }}{% for m in messages %}{{ m['content'] }}<|end|>{% endfor %}"
    )
    with pytest.raises(DatasetError, match=r"line 1: .*template refuses the record"):
        _read(model, tmp_path, PAIR)


def test_the_templates_own_objection_reaches_the_user(tiny_llama: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_llama, model)
    (model / "chat_template.jinja").write_text("{{ raise_exception('no system prompts here') }}")
    with pytest.raises(DatasetError, match="no system prompts here"):
        _read(model, tmp_path, CONVERSATION)
