"""What the demo shows and writes: readable without a terminal, complete as a file."""

import io
import json
import random
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console

from cli.conftest import WriteExamples
from outcrop.cli.demonstration import hyperparameters
from outcrop.cli.demonstration.examples import Source, load
from outcrop.cli.demonstration.hyperparameters import Chosen
from outcrop.cli.demonstration.outcome import Outcome, Timings, evidence_of
from outcrop.cli.demonstration.presentation import print_data, print_outcome, smoothed
from outcrop.cli.demonstration.questions import Answers
from outcrop.cli.demonstration.report import write_report
from outcrop.cli.job_progress import Steps
from outcrop.core.errors import HyperparameterError
from outcrop.evaluation.advice import what_next
from outcrop.evaluation.comparison import Likelihood, Response, compare

WORDS = [f"word{index}" for index in range(200)]


@pytest.fixture
def outcome(write_examples: WriteExamples) -> Outcome:
    """A run whose custom model repeats most references, [brackets] and all."""
    draw = random.Random(3)
    pairs = [
        (
            "\n".join(" ".join(draw.choices(WORDS, k=12)) for _ in range(9)),
            f"[bold]{draw.choice(WORDS)}[/] {index}",
        )
        for index in range(200)
    ]
    examples = load(Source(write_examples("own.jsonl", pairs)), lambda item: item.record.line != 5)
    steps = Steps(total=40, per_epoch=10, losses=[(n, 4 / n) for n in range(1, 41)])
    steps.validations = [(0, 4.0), (10, 1.0), (20, 0.5), (30, 0.3), (40, 0.2)]
    request = hyperparameters.request_for(Chosen(), len(examples.training), has_validation=True)
    typed = hyperparameters.parse(request, "outcrop", has_validation=True)
    base = [Response("something else", Likelihood(-30.0, 6)) for _ in examples.held_out]
    custom = [
        Response("" if index == 0 else item.completion, Likelihood(-3.0, 6))
        for index, item in enumerate(examples.held_out)
    ]
    comparison = compare([item.completion for item in examples.held_out], base, custom)
    evidence = evidence_of(steps, examples, typed)
    return Outcome(
        base_model="outcrop.nano-v1:0",
        job_name="demo-1",
        job_arn="arn:job",
        model_arn="arn:model",
        throughput_arn="arn:throughput",
        hyperparameters=hyperparameters.in_force(typed),
        examples=examples,
        answers=Answers(base, custom),
        comparison=comparison,
        steps=steps,
        evidence=evidence,
        advice=what_next(comparison, evidence),
        timings=Timings({"training": 60.0, "questions": 12.0}),
    )


def shown(outcome: Outcome, *, terminal: bool) -> str:
    stream = io.StringIO()
    colours: Literal["standard"] | None = "standard" if terminal else None
    console = Console(
        file=stream, force_terminal=terminal, width=100, color_system=colours, highlight=False
    )
    print_data(console, outcome.examples)
    print_outcome(console, outcome)
    return stream.getvalue()


def test_the_screen_says_verdict_intervals_answers_curve_advice_and_time(outcome: Outcome) -> None:
    text = shown(outcome, terminal=False)
    assert (
        "BETTER  The custom model is better than its base: both intervals lie above zero." in text
    )
    assert "95 % interval" in text
    assert "Best of 20  ROUGE-L 0.00 → 1.00" in text
    assert "Worst of 20  ROUGE-L 0.00 → 0.00" in text
    assert "(nothing)" in text
    assert "line: training, dots:" in text
    assert "●" in text
    assert "1 min 12 s: training 1 min 00 s, questions 12 s" in text
    assert "own.jsonl:5" in text


def test_texts_of_the_user_are_shown_as_they_are(outcome: Outcome) -> None:
    best = outcome.examples.held_out[outcome.by_custom_score[0]].completion
    assert best in shown(outcome, terminal=False)


def test_a_log_gets_no_control_codes_and_a_terminal_gets_colours(outcome: Outcome) -> None:
    assert "\x1b" not in shown(outcome, terminal=False)
    assert "\x1b[" in shown(outcome, terminal=True)


def test_the_report_holds_every_answer_and_the_page_the_figures(
    outcome: Outcome, tmp_path: Path
) -> None:
    page = write_report(outcome, tmp_path / "report")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["verdict"] == "better"
    assert len(report["answers"]) == 20
    assert report["data"]["too_long"] == ["own.jsonl:5"]
    assert report["measures"]["rouge_l"]["difference"]["low"] > 0
    assert report["hyperparameters"]["epochCount"] == outcome.hyperparameters["epochCount"]
    assert "| ROUGE-L |" in page.read_text()


def test_the_curve_is_smoothed_without_losing_its_ends() -> None:
    steps = Steps(losses=[(n, float(n % 2)) for n in range(1, 401)])
    smooth = smoothed(steps)
    assert (smooth[0][0], smooth[-1][0]) == (1, 400)
    assert all(0.4 <= loss <= 0.6 for _, loss in smooth[10:])


def test_wishes_win_over_the_demos_choice() -> None:
    chosen = Chosen(
        epochs=7, learning_rate=2e-4, batch_size=4, method="full", further={"seed": "9"}
    )
    request = hyperparameters.request_for(chosen, 500, has_validation=False)
    typed = hyperparameters.parse(request, "outcrop", has_validation=False)
    assert (typed.epochs, typed.learning_rate, typed.batch_size) == (7, 2e-4, 4)
    assert (typed.method, typed.seed, typed.early_stopping_patience) == ("full", 9, None)


def test_a_wish_out_of_range_is_refused_before_anything_starts() -> None:
    with pytest.raises(HyperparameterError, match="epochCount"):
        hyperparameters.parse({"epochCount": "0"}, "outcrop", has_validation=False)
