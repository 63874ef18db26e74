from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random

import pytest

from base_model.documents import (
    CorpusPiece,
    DocumentStream,
    asked_document,
    load_corpus,
    renamed,
)
from base_model.heldout import load_heldout, write_heldout
from base_model.lexicon import Lexicon, gerund, past, plural, third_person, with_article
from base_model.scenarios import draw_dialogue, load_scenarios, parse_scenarios, tidy
from base_model.tasks import lookup, reorder_list, repeat_text
from base_model.templates import expand


def test_the_same_seed_gives_the_same_text() -> None:
    first, second = (list(islice(iter(DocumentStream.training(5)), 200)) for _ in range(2))
    assert first == second
    assert first != list(islice(iter(DocumentStream.training(6)), 200))


def test_reserved_fillers_never_stand_in_training_text() -> None:
    training, reserved = Lexicon.training(), Lexicon.reserved()
    assert not {p.name for p in training.given} & {p.name for p in reserved.given}
    open_categories = [
        name for name, entries in training.slots.items() if entries != reserved.slots[name]
    ]
    assert {"object", "product", "place", "city", "hobby", "task"} <= set(open_categories)
    for name in open_categories:
        assert not set(training.slots[name]) & set(reserved.slots[name])


def test_no_heldout_document_is_a_training_piece() -> None:
    heldout = {text for texts in load_heldout().values() for text in texts}
    pieces = load_corpus(is_heldout=False)
    joined = {f"{p.text}\nSummary: {p.summary}" if p.summary else p.text for p in pieces}
    assert not heldout & joined


def test_the_heldout_text_is_the_one_its_script_writes(tmp_path: Path) -> None:
    write_heldout(tmp_path / "heldout.txt")
    assert load_heldout(tmp_path / "heldout.txt") == load_heldout()


def test_the_heldout_text_shares_no_template_instance_with_the_training_text() -> None:
    documents = islice(iter(DocumentStream.training(1)), 3000)
    seen = {line for document in documents for line in document.splitlines()}
    for text in load_heldout()["reserved-fillers"] + load_heldout()["unseen-scenarios"]:
        summary = text.rpartition("\nSummary: ")[2]
        assert summary not in seen


def test_templates_draw_one_branch_and_fill_only_its_slots() -> None:
    filled: list[str] = []

    def fill(slot: str) -> str:
        filled.append(slot)
        return slot.upper()

    texts = {expand("[a {x}|b [{y}|c]] end", Random(seed), fill) for seed in range(30)}
    assert texts == {"a X end", "b Y end", "b c end"}
    assert set(filled) == {"x", "y"}


@pytest.mark.parametrize("template", ["[a|b", "a]", "{x"])
def test_a_template_with_unmatched_brackets_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="unmatched"):
        expand(template, Random(0), str)


def test_a_scenario_line_of_no_known_form_is_refused_with_its_number() -> None:
    with pytest.raises(ValueError, match="line 4"):
        parse_scenarios("## x\na=city\n-\nnonsense")


def test_summaries_and_answers_use_what_the_dialogue_says() -> None:
    rng, lexicon = Random(3), Lexicon.training()
    for _ in range(300):
        dialogue = draw_dialogue(rng, lexicon, load_scenarios())
        assert "{" not in dialogue.text() + dialogue.summary
        assert "[" not in dialogue.text() + dialogue.summary
        speakers = {speaker for speaker, _ in dialogue.turns}
        mentions = [speaker for speaker in speakers if speaker in dialogue.summary]
        fillers = [filler for filler in dialogue.fillers.values() if filler in dialogue.summary]
        assert mentions or fillers


def test_task_answers_can_be_found_in_their_prompts() -> None:
    rng, lexicon = Random(4), Lexicon.training()
    for _ in range(100):
        for task in (lookup, repeat_text):
            messages = task(rng, lexicon)
            prompt = messages[0][1]
            assert all(text in prompt for role, text in messages if role == "assistant")
        assert reorder_list(rng, lexicon)[-1][1]


def test_renaming_changes_a_name_everywhere() -> None:
    piece = CorpusPiece("Alice: Hello, Adam.\nAdam: Alice's here!", "Alice greets Adam.")
    changed = renamed(piece, Random(1), Lexicon.training())
    assert "Alice" not in changed.text + changed.summary
    assert "Adam" not in changed.text + changed.summary
    assert changed.text.split(":")[0] in changed.summary


def test_question_lines_become_turns() -> None:
    drawn = {asked_document("Tea is hot.\nQ: What is hot?\nA: Tea.", Random(n)) for n in range(20)}
    assert any(
        "<|user|>Tea is hot.\n\nWhat is hot?<|end|><|assistant|>Tea.<|end|>" in d for d in drawn
    )


def test_free_slot_filling_is_mended() -> None:
    assert tidy("Come on tomorrow at 7 p.m..") == "Come tomorrow at 7 p.m."


@pytest.mark.parametrize(
    ("made", "expected"),
    [(past("stop"), "stopped"), (past("carry"), "carried"), (past("write"), "wrote"),
     (gerund("make"), "making"), (gerund("lie"), "lying"), (gerund("visit"), "visiting"),
     (third_person("watch"), "watches"), (plural("city"), "cities"),
     (with_article("hour"), "an hour"), (with_article("uniform"), "a uniform")],
)  # fmt: skip
def test_words_are_inflected_as_english_does(made: str, expected: str) -> None:
    assert made == expected
