"""How the demo's findings look on a screen; without a terminal they are the same lines without colours."""

import textwrap
from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from outcrop.cli.customization_workflow.layout import Layout
from outcrop.cli.demonstration.examples import Example, Examples
from outcrop.cli.demonstration.outcome import Outcome
from outcrop.cli.job_progress import Steps
from outcrop.cli.terminal import duration, plural, size
from outcrop.evaluation.comparison import Comparison, Measure, Verdict

_COLOURS = {
    Verdict.BETTER: "bold green",
    Verdict.NO_DIFFERENCE: "bold yellow",
    Verdict.WORSE: "bold red",
}
_SENTENCES = {
    Verdict.BETTER: "The custom model is better than its base",
    Verdict.NO_DIFFERENCE: "No difference between the custom model and its base is shown",
    Verdict.WORSE: "The custom model is worse than its base",
}
_PROMPT_LINES = 6
_CHART_LINES = 15
_MOST_PLACES = 8


def print_data(console: Console, examples: Examples) -> None:
    """Say what is trained on, what is held out, and what was left out and why."""
    counts = [
        f"{len(examples.training):,} to train on",
        f"{len(examples.validation):,} to watch training" if examples.validation else "",
        f"{len(examples.held_out):,} held out for the verdict",
    ]
    console.print(f"  {' · '.join(filter(None, counts))}")
    left_out = (
        (examples.set_aside, "left out", "longer than the model's context; nothing is cut short"),
        (examples.overlapping, "left out of training", "too like a held-out one"),
    )
    for group, what, why in left_out:
        if group:
            count = plural(len(group), "example")
            console.print(
                Text.assemble("  ", (f"{count} {what}: ", "yellow"), f"{why} ({_places(group)})"),
                soft_wrap=True,
            )


def print_deployment(console: Console, layout: Layout, size_bytes: int) -> None:
    """Say what runs the rest, and what its parts may do."""
    console.print(f"  {layout.machine_arn(layout.name)}", soft_wrap=True)
    console.print(
        f"  {size(size_bytes)} uploaded to s3://{layout.data_bucket}; {len(layout.roles)} roles, each for its part alone",
        style="dim",
        soft_wrap=True,
    )


def print_hyperparameters(console: Console, values: Mapping[str, str]) -> None:
    """Print every hyperparameter in force."""
    text = " · ".join(f"{name} {value}" for name, value in values.items())
    for line in textwrap.wrap(text, console.width - 4):
        console.print(f"  {line}", style="dim")


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Print verdict, answers, loss curve and advice."""
    _print_title(console, "Verdict")
    verdict = outcome.comparison.verdict
    console.print(
        Text.assemble(
            (f"{verdict.upper()}  ", _COLOURS[verdict]),
            f"{_SENTENCES[verdict]}: {outcome.comparison.reason}.",
        )
    )
    console.print(Padding(measures_table(outcome.comparison), (1, 0, 0, 0)))
    console.print(
        f"  {plural(len(outcome.examples.held_out), 'held-out example')}; paired bootstrap, 10,000 resamples.",
        style="dim",
    )
    _print_title(console, "Three answers")
    for label, index in outcome.shown:
        _print_answer(console, outcome, label, index)
    _print_title(console, "Loss, nats per token")
    console.print(loss_chart(outcome.steps, console.width))
    dots = ", dots: on the examples that watch training" if outcome.steps.validations else ""
    console.print(f"  by step; line: training{dots}", style="dim")
    _print_title(console, "What to try next")
    for line in outcome.advice:
        console.print(Padding(Text(f"· {line}"), (0, 0, 0, 2)))
    parts = sorted(outcome.timings.seconds.items(), key=lambda item: -item[1])
    spent = ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts if seconds >= 0.05)
    _print_title(console, "Time")
    console.print(f"  {duration(outcome.timings.total)}: {spent}")


def measures_table(comparison: Comparison) -> Table:
    """Return the figures of both models with their intervals."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 2))
    table.add_column("")
    for column in ("base", "custom", "difference", "95 % interval"):
        table.add_column(column, justify="right")
    for name, measure in measures(comparison):
        difference = measure.difference
        table.add_row(
            name,
            f"{measure.base:.3f}",
            f"{measure.custom:.3f}",
            f"{difference.mean:+.3f}",
            f"{difference.low:+.3f} … {difference.high:+.3f}",
        )
    return table


def measures(comparison: Comparison) -> list[tuple[str, Measure]]:
    """Return the measures under the names they are shown by."""
    named = [("ROUGE-L", comparison.rouge), ("ROUGE-L above style", comparison.content)]
    if comparison.loss is not None:
        named.append(("Loss per token (lower is better)", comparison.loss))
    return named


def loss_chart(steps: Steps, width: int) -> Text:
    """Return the loss curve as text: training loss smoothed over a few steps, validation loss as dots."""
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.plot_size(min(width, 100), _CHART_LINES)
    figure.theme("simple")
    smooth = smoothed(steps)
    steps_made, losses = zip(*smooth, strict=True)
    training = figure.signal(list(steps_made), list(losses), marker="braille")
    training.lines()
    figure.draw(training)
    if steps.validations:
        places, losses = zip(*steps.validations, strict=True)
        figure.draw(figure.signal(list(places), list(losses), marker="●"))
    ends = sorted({0, steps.done // 4, steps.done // 2, 3 * steps.done // 4, steps.done})
    figure.ruler("x").ticks(ends, [f"{end:,}" for end in ends])
    return Text.from_ansi(str(figure.build()).rstrip("\n"))


def smoothed(steps: Steps) -> list[tuple[int, float]]:
    """Return the training loss as means over about a fortieth of the run, by step."""
    window = max(1, len(steps.losses) // 40)
    losses = [loss for _, loss in steps.losses]
    result = []
    for index, (step, _) in enumerate(steps.losses):
        part = losses[max(0, index + 1 - window) : index + 1]
        result.append((step, sum(part) / len(part)))
    return result


def _print_title(console: Console, title: str) -> None:
    console.print()
    console.print(Rule(Text(title, style="bold"), align="left", style="dim"))


def _print_answer(console: Console, outcome: Outcome, label: str, index: int) -> None:
    example = outcome.examples.held_out[index]
    score = outcome.comparison.scores[index]
    console.print()
    console.print(
        Text.assemble(
            (label.capitalize(), "bold"), f"  ROUGE-L {score.base:.2f} → {score.custom:.2f}"
        )
    )
    width = min(console.width, 120) - 12
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", width=8)
    grid.add_column(width=width)
    grid.add_row("prompt", Text(_shortened(example, width), style="dim"))
    grid.add_row("wanted", Text(example.completion))
    grid.add_row("base", Text(outcome.answers.base[index].text.strip() or "(nothing)"))
    grid.add_row(
        "custom", Text(outcome.answers.custom[index].text.strip() or "(nothing)", style="bold")
    )
    console.print(Padding(grid, (0, 0, 0, 2)))


def _shortened(example: Example, width: int) -> str:
    """Return the prompt's first and last lines where it is longer than a glance."""
    lines = [
        part
        for line in example.prompt.splitlines()
        if line.strip()
        for part in textwrap.wrap(line, width)
    ]
    if len(lines) <= _PROMPT_LINES:
        return "\n".join(lines)
    return "\n".join([*lines[: _PROMPT_LINES - 2], "…", lines[-1]])


def _places(examples: tuple[Example, ...]) -> str:
    named = ", ".join(example.place for example in examples[:_MOST_PLACES])
    return f"{named}, …" if len(examples) > _MOST_PLACES else named
