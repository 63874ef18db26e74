"""The run as files: report.json with everything, report.md for people."""

import json
from pathlib import Path

from outcrop.cli.demonstration.outcome import Outcome
from outcrop.cli.demonstration.presentation import measures
from outcrop.cli.terminal import duration


def write_report(outcome: Outcome, folder: Path) -> Path:
    """Write report.json and report.md into a folder and return the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(outcome.to_json(), indent=2) + "\n")
    page = folder / "report.md"
    page.write_text(as_markdown(outcome))
    return page


def as_markdown(outcome: Outcome) -> str:
    """Return the run as one page."""
    comparison, examples = outcome.comparison, outcome.examples
    lines = [
        f"# {outcome.job_name}: {comparison.verdict}",
        "",
        _summary(outcome),
        "",
        "| | base | custom | difference | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for name, measure in measures(comparison):
        difference = measure.difference
        lines.append(
            f"| {name} | {measure.base:.3f} | {measure.custom:.3f} | {difference.mean:+.3f} |"
            f" {difference.low:+.3f} … {difference.high:+.3f} |"
        )
    lines += ["", "## Hyperparameters", ""]
    lines += [f"- {name}: {value}" for name, value in outcome.hyperparameters.items()]
    lines += ["", "## Answers", ""]
    for label, index in outcome.shown:
        score = comparison.scores[index]
        lines += [
            f"### {label.capitalize()} (ROUGE-L {score.base:.2f} → {score.custom:.2f})",
            "",
            _block("prompt", examples.held_out[index].prompt),
            _block("wanted", examples.held_out[index].completion),
            _block("base", outcome.answers.base[index].text),
            _block("custom", outcome.answers.custom[index].text),
        ]
    lines += ["## What to try next", ""]
    lines += [f"- {line}" for line in outcome.advice]
    lines += ["", "## Time", ""]
    lines += [f"- {name}: {duration(seconds)}" for name, seconds in outcome.timings.seconds.items()]
    if examples.set_aside:
        lines += ["", "## Left out: longer than the context", ""]
        lines += [f"- {example.place}" for example in examples.set_aside]
    return "\n".join(lines) + "\n"


def _summary(outcome: Outcome) -> str:
    examples, comparison = outcome.examples, outcome.comparison
    return (
        f"{outcome.base_model}, customized on {len(examples.training):,} examples"
        f" ({', '.join(examples.sources)}), against itself uncustomized on"
        f" {len(examples.held_out):,} held-out examples: **{comparison.verdict}**, as {comparison.reason}."
    )


def _block(name: str, text: str) -> str:
    # Indented, because a text may hold any number of back quotes.
    indented = "\n".join(f"    {line}" for line in text.splitlines())
    return f"{name}:\n\n{indented}\n"
