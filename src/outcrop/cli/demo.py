"""`outcrop demo`: the main job on the data that comes with Outcrop, or on your own."""

import shutil
import signal
import sys
import tempfile
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from outcrop.cli.flags import HomeFlag
from outcrop.cli.terminal import CommandFailed, output
from outcrop.config import load_settings
from outcrop.storage.base_models import BUNDLED_MODEL_ID

if TYPE_CHECKING:
    from outcrop.cli.demonstration.outcome import Outcome
    from outcrop.cli.demonstration.run import Plan


class Method(StrEnum):
    """Which weights are trained."""

    LORA = "lora"
    FULL = "full"


def demo(  # noqa: PLR0913, PLR0917  # each is a flag
    train: Annotated[
        Path | None,
        typer.Option(
            "--train", metavar="FILE", help="Your own examples, JSONL; a part is held out."
        ),
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(
            "--validation",
            metavar="FILE",
            help="Compare on these examples instead; never trained on.",
        ),
    ] = None,
    held_out: Annotated[
        int | None,
        typer.Option(
            "--held-out", min=2, help="How many examples to compare on; a tenth, at most 200."
        ),
    ] = None,
    base: Annotated[str, typer.Option("--base", help="Model to customize.")] = BUNDLED_MODEL_ID,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Passes over the examples.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size")] = None,
    method: Annotated[
        Method | None, typer.Option("--method", help="A low-rank adapter, or all weights.")
    ] = None,
    hyperparameter: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any other hyperparameter; may be repeated."
        ),
    ] = None,
    home: HomeFlag = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the temporary home, custom model included.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FOLDER", help="Where report.md and report.json go."),
    ] = None,
) -> None:
    """Fine-tune a model, compare it with its base on examples it has never seen, and print the verdict.

    Without --home everything happens in a temporary home that is deleted afterwards. The exit status is 0 whatever
    the verdict, and 1 when something failed.
    """
    if validation is not None and train is None:
        raise CommandFailed("--validation needs --train", "name your training examples too")
    from outcrop.cli.demonstration.examples import Source
    from outcrop.cli.demonstration.hyperparameters import Chosen
    from outcrop.cli.demonstration.run import Plan

    # SIGTERM unwinds like Ctrl-C, so that no server is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="outcrop-demo-"))
    settings = load_settings({"home": home or folder / "home"})
    plan = Plan(
        settings=settings if home else replace(settings, home=folder / "home"),
        source=Source(train, validation, held_out),
        base_model=base,
        chosen=Chosen(
            epochs=epochs,
            learning_rate=learning_rate,
            batch_size=batch_size,
            method=method and str(method),
            further=_pairs(hyperparameter or []),
        ),
        log=folder / "server.log",
    )
    is_temporary = home is None and not keep
    _run(plan, report or folder, is_temporary=is_temporary)


def _run(plan: "Plan", report: Path, *, is_temporary: bool) -> None:
    from outcrop.cli.demonstration.presentation import print_outcome
    from outcrop.cli.demonstration.report import write_report
    from outcrop.cli.demonstration.run import run

    console = output()
    console.print(Text("Outcrop demo", style="bold"))
    try:
        outcome = run(plan, console)
    except KeyboardInterrupt:
        shutil.rmtree(plan.log.parent, ignore_errors=True)
        console.print("\nStopped.", style="dim")
        raise typer.Exit(130) from None
    if is_temporary:
        shutil.rmtree(plan.settings.home, ignore_errors=True)
    print_outcome(console, outcome)
    console.print(f"  report: {write_report(outcome, report)}", soft_wrap=True)
    _say_what_is_left(console, plan, outcome, is_temporary=is_temporary)


def _say_what_is_left(
    console: Console, plan: "Plan", outcome: "Outcome", *, is_temporary: bool
) -> None:
    console.print()
    if is_temporary:
        console.print(
            "The temporary home is deleted. --keep or --home FOLDER keeps the custom model;"
            " --train FILE customizes on your own examples.",
            style="dim",
        )
        return
    home = plan.settings.home
    console.print(f"The custom model stays in {home}:", soft_wrap=True)
    console.print(f"  outcrop up --home {home}", style="bold", soft_wrap=True)
    if outcome.throughput_arn:
        console.print(f"  and invoke {outcome.throughput_arn}", soft_wrap=True)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise CommandFailed(f"--set {text} is no NAME=VALUE", "for instance --set loraRank=32")
        pairs[name] = value
    return pairs
