"""The catalogue of foundation models."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from outcrop.app import BUNDLED_MODEL
from outcrop.core.errors import ModelNotFound
from outcrop.storage.base_models import BaseModelStore
from outcrop.storage.home import Home

ALIASES = {
    "cohere.command-light-text-v14": "outcrop.nano-v1:0",
    "acme.chat-v1:0": "acme.gone-v1:0",
}


@pytest.fixture
def store(prepared_home: Home) -> BaseModelStore:
    return BaseModelStore(prepared_home, ALIASES, BUNDLED_MODEL)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder that could be added."""
    folder = tmp_path / "source"
    folder.mkdir()
    config = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 512}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    (folder / "training_args.bin").write_bytes(b"pickled")
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(5)}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    "identifier",
    [
        "outcrop.nano-v1:0",
        "outcrop.nano-v1:0:2k",
        "arn:aws:bedrock:eu-west-1::foundation-model/outcrop.nano-v1:0",
    ],
)
def test_the_bundled_model_answers_to_its_id_and_arn(
    store: BaseModelStore, identifier: str
) -> None:
    found = store.get(identifier)

    assert found.model_id == "outcrop.nano-v1:0"
    assert (found.family, found.dialect, found.provider) == ("outcrop", "outcrop", "Outcrop")
    assert found.context_tokens >= 2048
    assert 1_000_000 < found.parameters < 10_000_000
    assert found.has_chat_template


@pytest.mark.parametrize("suffix", ["", ":7", ":7:4k"])
def test_an_alias_answers_under_the_id_asked_for_in_its_vendors_ways(
    store: BaseModelStore, suffix: str
) -> None:
    found = store.get(f"cohere.command-light-text-v14{suffix}")

    assert found.model_id == f"cohere.command-light-text-v14{suffix}"
    assert (found.family, found.dialect) == ("cohere.command-light", "cohere.command")
    assert found.folder == BUNDLED_MODEL
    assert len(found.name) <= 20


def test_an_unknown_id_is_answered_with_those_that_exist(store: BaseModelStore) -> None:
    with pytest.raises(ModelNotFound, match=r"cohere.command-light-text-v14, outcrop.nano-v1:0"):
        store.get("acme.other-v1")


def test_an_alias_of_a_missing_model_is_not_listed_and_says_why(store: BaseModelStore) -> None:
    listed = {model.model_id for model in store.list()}

    assert listed == {"outcrop.nano-v1:0", "cohere.command-light-text-v14"}
    with pytest.raises(ModelNotFound, match=r"mapped onto acme.gone-v1:0"):
        store.get("acme.chat-v1:0")


def test_an_added_model_is_a_copy_without_what_could_run_code(
    store: BaseModelStore, prepared_home: Home, source: Path
) -> None:
    added = store.add(str(source), "acme.small-v1:0")

    assert (added.parameters, added.context_tokens, added.has_chat_template) == (17, 512, True)
    assert added.provider == "Acme"
    assert added.folder == prepared_home.base_models / "acme.small-v1:0"
    assert {file.name for file in added.folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "outcrop.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert "acme.small-v1:0" in {model.model_id for model in store.list()}
    with pytest.raises(ModelNotFound, match="already in the catalogue"):
        store.add(str(source), "acme.small-v1:0")


def test_notes_in_a_weights_file_are_not_kept(store: BaseModelStore, source: Path) -> None:
    path = source / "model.safetensors"
    tensors = load_file(path)
    save_file(tensors, path, metadata={"format": "pt", "note": "trained on secret things"})
    added = store.add(str(source), "acme.small-v1:0")
    copy = added.folder / "model.safetensors"
    assert b"secret" not in copy.read_bytes()
    kept = load_file(copy)
    assert kept.keys() == tensors.keys()
    assert all(torch.equal(kept[name], tensors[name]) for name in tensors)
    with safe_open(copy, "pt") as opened:
        assert opened.metadata() == {"format": "pt"}


def test_a_model_added_by_another_process_is_seen(
    store: BaseModelStore, prepared_home: Home, source: Path
) -> None:
    before = store.list()
    other = BaseModelStore(prepared_home, {}, BUNDLED_MODEL)
    other.add(str(source), "acme.small-v1:0")
    os.utime(prepared_home.base_models)  # file systems may count time in coarse steps

    assert len(store.list()) == len(before) + 1


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "no \\*.safetensors"),
        (lambda folder: (folder / "config.json").unlink(), "no readable config.json"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer"),
        (
            lambda folder: (folder / "config.json").write_text(
                '{"architectures": ["LlamaForCausalLM"], "auto_map": {"AutoModel": "code.py"}}'
            ),
            "brings its own code",
        ),
        (
            lambda folder: (folder / "config.json").write_text('{"architectures": ["BertModel"]}'),
            "only text models",
        ),
    ],
)
def test_what_is_no_usable_model_is_refused_and_leaves_nothing(
    store: BaseModelStore, prepared_home: Home, source: Path, broken: object, message: str
) -> None:
    assert callable(broken)
    broken(source)

    with pytest.raises(ModelNotFound, match=message):
        store.add(str(source), "acme.small-v1:0")

    assert list(prepared_home.base_models.iterdir()) == []


def test_an_id_that_aws_could_not_have_is_refused(store: BaseModelStore, source: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"provider\.name-v1:0"):
        store.add(str(source), "Small Model")
