"""`outcrop demo`, run as a user runs it."""

import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.conftest import WriteExamples
from outcrop.cli.demonstration.examples import BUNDLED_FOLDER

LIMIT_SECONDS = 300


@dataclass(frozen=True)
class Ran:
    code: int
    text: str  # on one line: where it wraps depends on the width
    errors: str
    seconds: float
    report: dict[str, Any]


def run_demo(folder: Path, *arguments: str, timeout_seconds: float = 1500) -> Ran:
    report = folder / "report"
    started = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "outcrop.cli.main", "demo", "--report", str(report), *arguments],
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    page = report / "report.json"
    content = json.loads(page.read_text()) if page.exists() else {}
    seconds = time.monotonic() - started
    return Ran(ran.returncode, " ".join(ran.stdout.split()), ran.stderr, seconds, content)


def bundled_pairs(name: str, count: int | None = None) -> list[tuple[str, str]]:
    with (BUNDLED_FOLDER / name).open() as lines:
        records = [json.loads(line) for line in itertools.islice(lines, count)]
    return [(record["prompt"], record["completion"]) for record in records]


def shuffled(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    completions = [completion for _, completion in pairs]
    random.Random(6).shuffle(completions)
    return [(prompt, text) for (prompt, _), text in zip(pairs, completions, strict=True)]


def servers_started_below(folder: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in part for part in process.info["cmdline"] or [])
    ]


def test_a_small_run_goes_from_file_to_report_and_leaves_nothing_behind(
    tmp_path: Path, write_examples: WriteExamples
) -> None:
    own = write_examples("own.jsonl", bundled_pairs("train.jsonl", 24))
    other = write_examples("other.jsonl", bundled_pairs("heldout.jsonl", 4))
    ran = run_demo(tmp_path, "--train", str(own), "--validation", str(other), "--epochs", "1")
    assert ran.code == 0, ran.text + ran.errors
    assert "\x1b" not in ran.text
    assert "epochCount 1 " in ran.text
    assert "NO DIFFERENCE" in ran.text
    assert "4 examples are too few to tell" in ran.text
    assert len(ran.report["answers"]) == 4
    assert ran.report["measures"]["loss_per_token"]["base"] > 0
    (run_folder,) = tmp_path.glob("outcrop-demo-*")
    assert not (run_folder / "home").exists()
    assert servers_started_below(tmp_path) == []


def test_a_setting_out_of_range_ends_it_before_anything_starts(tmp_path: Path) -> None:
    ran = run_demo(tmp_path, "--set", "epochCount=1000")
    assert ran.code == 1
    assert "'epochCount' cannot be '1000'" in ran.errors
    assert "Server" not in ran.text


@pytest.mark.slow
def test_the_bundled_run_favours_the_custom_model_within_five_minutes(tmp_path: Path) -> None:
    ran = run_demo(tmp_path)
    assert ran.code == 0, ran.text + ran.errors
    assert ran.report["verdict"] == "better", ran.text
    assert ran.report["measures"]["rouge_l"]["difference"]["low"] > 0
    assert ran.seconds < LIMIT_SECONDS


@pytest.mark.slow
def test_training_on_shuffled_completions_is_not_called_better(
    tmp_path: Path, write_examples: WriteExamples
) -> None:
    own = write_examples("shuffled.jsonl", shuffled(bundled_pairs("train.jsonl")))
    held_out = str(BUNDLED_FOLDER / "heldout.jsonl")
    ran = run_demo(tmp_path, "--train", str(own), "--validation", held_out)
    assert ran.code == 0, ran.text + ran.errors
    assert ran.report["verdict"] in {"no difference", "worse"}, ran.text


@pytest.mark.slow
def test_a_model_that_has_learned_nothing_is_no_difference(tmp_path: Path) -> None:
    ran = run_demo(tmp_path, "--epochs", "1", "--learning-rate", "1e-7")
    assert ran.code == 0, ran.text + ran.errors
    assert ran.report["verdict"] == "no difference", ran.text
