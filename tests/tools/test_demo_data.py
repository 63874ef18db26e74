from __future__ import annotations

import json
from pathlib import Path
from random import Random

from base_model.demo_data import (
    HELDOUT_COUNT,
    TRAIN_COUNT,
    DemoExample,
    draw_examples,
    write_demo,
)
from base_model.documents import load_corpus
from base_model.lexicon import LEXICON_FOLDER
from base_model.scenarios import SCENARIO_FOLDER


def drawn_parts() -> tuple[list[DemoExample], list[DemoExample]]:
    rng = Random(2026)
    train = draw_examples(rng, TRAIN_COUNT, is_heldout=False)
    return train, draw_examples(rng, HELDOUT_COUNT, is_heldout=True)


def test_the_committed_data_is_what_the_script_writes(demo_folder: Path, tmp_path: Path) -> None:
    write_demo(tmp_path)
    for name in ("train.jsonl", "heldout.jsonl"):
        assert (tmp_path / name).read_bytes() == (demo_folder / name).read_bytes()


def test_the_parts_share_no_template_instance() -> None:
    train, heldout = drawn_parts()
    assert not {e.name for e in train} & {e.name for e in heldout}
    assert not {(e.item, e.problem) for e in train} & {(e.item, e.problem) for e in heldout}
    assert not {e.sequence for e in train} & {e.sequence for e in heldout}
    assert not {e.prompt for e in train} & {e.prompt for e in heldout}
    assert not {e.completion for e in train} & {e.completion for e in heldout}


def test_the_drawn_examples_are_the_committed_ones(demo_folder: Path) -> None:
    train, heldout = drawn_parts()
    for name, examples in (("train", train), ("heldout", heldout)):
        lines = (demo_folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["prompt"] for line in lines] == [e.prompt for e in examples]


def test_everything_a_ticket_line_says_stands_in_the_conversation() -> None:
    for example in [part for parts in drawn_parts() for part in parts]:
        order, rest = example.completion[1:].split("] ")
        name, item, problem, wish = rest.split(" // ")
        assert all(text in example.prompt for text in (order, name, item, problem))
        assert wish.split(" before ")[1] in example.prompt


def test_the_house_style_is_not_in_the_pretraining_text() -> None:
    written = "".join(piece.text + piece.summary for piece in load_corpus(is_heldout=False))
    sources = [path.read_text(encoding="utf-8") for folder in (LEXICON_FOLDER, SCENARIO_FOLDER)
               for path in folder.rglob("*.txt")]  # fmt: skip
    assert " // " not in written + "".join(sources)
    assert "ticket line" not in written + "".join(sources)
