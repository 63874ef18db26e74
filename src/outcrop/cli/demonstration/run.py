"""The demo from end to end: server, data, workflow, and what its states do until the verdict.

Read `run` down; each part is timed under the name it is printed with.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from outcrop.cli.connection import Server, running_server
from outcrop.cli.customization_workflow import runs
from outcrop.cli.customization_workflow.caller import Caller
from outcrop.cli.customization_workflow.deployment import Wishes, deploy
from outcrop.cli.customization_workflow.layout import Layout
from outcrop.cli.demonstration import (
    examples,
    following,
    hyperparameters,
    presentation,
    questions,
)
from outcrop.cli.demonstration.examples import Example
from outcrop.cli.demonstration.hyperparameters import Chosen
from outcrop.cli.demonstration.outcome import Outcome, Timings, evidence_of
from outcrop.cli.demonstration.server import server_on
from outcrop.cli.models import base_model_store
from outcrop.cli.terminal import CommandFailed
from outcrop.config import Settings
from outcrop.core.models import BaseModel
from outcrop.evaluation.advice import what_next
from outcrop.functions import walls
from outcrop.functions.code import FunctionsRefused
from outcrop.storage.home import Home

# One deployment for every run on a home.
_DEPLOYMENT = "outcrop-demo"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is asked to do.

    Attributes:
        settings: name the home.
        source: the data.
        base_model: id of the model to customize.
        chosen: hyperparameters that the user set.
        log: where a server that is started for the run writes.
    """

    settings: Settings
    source: examples.Source
    base_model: str
    chosen: Chosen
    log: Path


def run(plan: Plan, console: Console) -> Outcome:
    """Carry out a run and show it on the console.

    Raises:
        CommandFailed: a part failed; says why and where the log is.
    """
    watch = Stopwatch(console)
    base = _base_model(plan)
    # A setting that will be refused is better refused now than after the upload.
    hyperparameters.parse(plan.chosen.values, base.family, has_validation=False)
    name = f"demo-{secrets.token_hex(4)}"
    with ExitStack() as stack:
        with watch.part("Server", "starting"):
            server = stack.enter_context(_server(plan, console))
            console.print(f"  {server.http_url} · home {server.home.path}", soft_wrap=True)
        with watch.part("Data", "data"):
            data = examples.load(plan.source, _fits(server, base))
            presentation.print_data(console, data)
        with watch.part("Workflow", "deployment"):
            layout = Layout(Caller.of_server(server), _DEPLOYMENT)
            deploy(layout, Wishes(), lambda _: None)
            files = examples.as_files(data)
            uris = runs.upload(layout, name, files)
            presentation.print_deployment(console, layout, sum(map(len, files.values())))
        with watch.part(f"Training of {base.model_id}", "training"):
            has_validation = bool(data.validation)
            request = hyperparameters.request_for(
                plan.chosen, len(data.training), has_validation=has_validation
            )
            typed = hyperparameters.parse(request, base.family, has_validation=has_validation)
            presentation.print_hyperparameters(console, hyperparameters.in_force(typed))
            execution = runs.start(
                layout,
                name,
                {
                    "BaseModelIdentifier": base.model_id,
                    "HyperParameters": request,
                    **examples.as_input(uris),
                },
            )
            with _hint(plan.log, server):
                moment = following.training(console, server, execution, name)
        with watch.part("Throughput", "throughput"), _hint(plan.log, server):
            console.print(f"  in service: {following.throughput(execution)}", soft_wrap=True)
        with watch.part("Questions to both models", "questions"), _hint(plan.log, server):
            following.questions(console, execution)
        with watch.part("Comparison", "comparison"), _hint(plan.log, server):
            for _ in execution.wait_for(""):
                pass
            findings = execution.findings()
            console.print(f"  {findings.comparison.verdict}")
            if findings.output["ThroughputArn"] is None:
                console.print(
                    "  The custom model did not win: its throughput is deleted.", style="dim"
                )
    evidence = evidence_of(moment.steps, data, typed)
    return Outcome(
        base_model=base.model_id,
        job_name=name,
        job_arn=moment.job["jobArn"],
        model_arn=moment.job["outputModelArn"],
        throughput_arn=findings.output["ThroughputArn"],
        hyperparameters=hyperparameters.in_force(typed),
        examples=data,
        answers=questions.Answers(findings.base, findings.custom),
        comparison=findings.comparison,
        steps=moment.steps,
        evidence=evidence,
        advice=what_next(findings.comparison, evidence),
        timings=watch.timings,
    )


class Stopwatch:
    """Announces the parts of a run and times them."""

    def __init__(self, console: Console) -> None:
        self.timings = Timings()
        self._console = console

    @contextmanager
    def part(self, title: str, name: str) -> Iterator[None]:
        """Print a title and add the block's time under a name."""
        number = len(self.timings.seconds) + 1
        self._console.print()
        self._console.print(Text.assemble((f"{number}  ", "dim"), (title, "bold")))
        started = time.monotonic()
        try:
            yield
        finally:
            self.timings.seconds[name] = time.monotonic() - started


def _base_model(plan: Plan) -> BaseModel:
    store = base_model_store(Home(plan.settings.home), plan.settings.model_aliases)
    base = store.get(plan.base_model)
    if base.dialect != "outcrop":
        raise CommandFailed(
            f"{base.model_id} is spoken to in another vendor's words, which cannot ask how likely an answer is",
            "name the local model behind the alias",
        )
    return base


def _fits(server: Server, base: BaseModel) -> Callable[[Example], bool]:
    """Return a function that tells whether an example fits into the model's context."""
    client = server.runtime()

    def fits(example: Example) -> bool:
        if not examples.may_be_too_long(example, base.context_tokens):
            return True
        return questions.count_tokens(client, base.model_id, example) <= base.context_tokens

    return fits


@contextmanager
def _server(plan: Plan, console: Console) -> Iterator[Server]:
    """Yield a server that runs functions: where a wall around them is missing, one of the demo's own without walls."""
    flags: list[str] = []
    if running_server(plan.settings) is None:
        try:
            walls.walls_to_put_up(plan.settings, walls.probe())
        except FunctionsRefused:
            flags = ["--function-isolation", walls.NONE]
            console.print(
                "  This machine lacks a wall around functions (`outcrop doctor` says which): the demo's own function,"
                " on the demo's own server, runs without any.",
                style="yellow",
                soft_wrap=True,
            )
    with server_on(plan.settings, plan.log, flags) as server:
        yield server


@contextmanager
def _hint(log: Path, server: Server) -> Iterator[None]:
    """Say with a failure where the server's logs are."""
    try:
        yield
    except CommandFailed as error:
        logs = [str(path) for path in (log, server.home.logs) if path.exists()]
        raise CommandFailed(str(error), f"the server's logs: {', '.join(logs)}") from error
