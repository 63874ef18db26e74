"""What the demo trains on, watches and holds out never overlaps, and nothing disappears silently."""

import random
from pathlib import Path

import pytest

from cli.conftest import WriteExamples
from outcrop.cli.demonstration import examples
from outcrop.cli.demonstration.examples import Example, Source, as_jsonl, load
from outcrop.cli.terminal import CommandFailed
from outcrop.evaluation.splits import group_alike

WORDS = [f"w{index}" for index in range(300)]


def pairs(count: int, seed: int = 0) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    return [(" ".join(draw.choices(WORDS, k=40)), f"answer {index}") for index in range(count)]


def everything_fits(_: Example) -> bool:
    return True


def test_a_tenth_of_ones_own_file_is_held_out(write_examples: WriteExamples) -> None:
    loaded = load(Source(write_examples("own.jsonl", pairs(400))), everything_fits)
    assert len(loaded.held_out) == 40
    assert len(loaded.validation) == 18
    assert len(loaded.training) == 342
    sides = [
        {item.text for item in side}
        for side in (loaded.training, loaded.validation, loaded.held_out)
    ]
    assert len(set.union(*sides)) == 400


def test_the_bundled_data_shares_no_prompt_between_its_sides() -> None:
    loaded = load(Source(), everything_fits)
    assert loaded.overlapping == ()
    prompts = [item.prompt for item in (*loaded.training, *loaded.validation, *loaded.held_out)]
    others = len(loaded.training) + len(loaded.validation)
    for group in group_alike(prompts):
        assert all(index < others for index in group) or all(index >= others for index in group)


def test_a_held_out_file_is_compared_on_and_what_is_like_it_is_not_trained_on(
    write_examples: WriteExamples,
) -> None:
    own = pairs(100)
    train = write_examples("train.jsonl", own)
    other = write_examples("other.jsonl", [*pairs(20, seed=5), (own[3][0].upper(), "copied")])
    loaded = load(Source(train, other), everything_fits)
    assert len(loaded.held_out) == 21
    assert [item.place for item in loaded.overlapping] == ["train.jsonl:4"]
    assert all(item.place != "train.jsonl:4" for item in loaded.training)


def test_examples_that_do_not_fit_are_named_and_left_out_whole(
    write_examples: WriteExamples,
) -> None:
    path = write_examples("own.jsonl", pairs(100))
    loaded = load(Source(path), lambda item: item.record.line not in {7, 30})
    assert [item.place for item in loaded.set_aside] == ["own.jsonl:7", "own.jsonl:30"]
    kept = (*loaded.training, *loaded.validation, *loaded.held_out)
    assert len(kept) == 98


def test_only_examples_with_many_bytes_are_counted(write_examples: WriteExamples) -> None:
    short, long = examples.read(write_examples("two.jsonl", [("hi", "ho"), ("long " * 500, "ho")]))
    assert not examples.may_be_too_long(short, 2048)
    assert examples.may_be_too_long(long, 2048)


def test_what_is_uploaded_is_what_was_written(write_examples: WriteExamples) -> None:
    path = write_examples("own.jsonl", [("naïve 東京", "ja"), ("b", "c")])
    assert as_jsonl(examples.read(path)) == path.read_bytes()


def test_a_broken_line_stops_the_run_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a"}\n')
    with pytest.raises(
        CommandFailed, match=r"own\.jsonl, line 2: .*misses 'completion'"
    ) as failure:
        load(Source(path), everything_fits)
    assert "nothing was trained" in failure.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"nowhere\.jsonl cannot be read"):
        load(Source(tmp_path / "nowhere.jsonl"), everything_fits)


def test_too_few_examples_are_refused(write_examples: WriteExamples) -> None:
    with pytest.raises(CommandFailed, match="too few"):
        load(Source(write_examples("own.jsonl", pairs(8))), everything_fits)
