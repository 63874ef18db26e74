"""The demo from end to end: server, data, job, throughput, questions, verdict.

Read `run` down; each part is timed under the name it is printed with.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from outcrop.cli import job_progress
from outcrop.cli.connection import Server
from outcrop.cli.demonstration import (
    customization,
    examples,
    hyperparameters,
    presentation,
    questions,
)
from outcrop.cli.demonstration.examples import Example, Examples
from outcrop.cli.demonstration.hyperparameters import Chosen
from outcrop.cli.demonstration.outcome import Outcome, Timings, evidence_of
from outcrop.cli.demonstration.server import server_on
from outcrop.cli.job_progress import Moment
from outcrop.cli.models import base_model_store
from outcrop.cli.terminal import CommandFailed, size
from outcrop.config import Settings
from outcrop.core.models import BaseModel
from outcrop.evaluation.advice import what_next
from outcrop.evaluation.comparison import Verdict, compare
from outcrop.storage.home import Home

_QUIET_LINE_SECONDS = 15.0


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
    with ExitStack() as stack:
        with watch.part("Server", "starting"):
            server = stack.enter_context(server_on(plan.settings, plan.log))
            console.print(f"  {server.http_url} · home {server.home.path}", soft_wrap=True)
        with watch.part("Data", "data"):
            data = examples.load(plan.source, _fits(server, base))
            presentation.print_data(console, data)
            upload = customization.upload(server, data)
            console.print(
                f"  {size(upload.size_bytes)} uploaded to s3://{upload.bucket}", style="dim"
            )
            role_arn = customization.create_role(server, upload)
            console.print(
                f"  service role {role_arn}, for this bucket alone", style="dim", soft_wrap=True
            )
        with watch.part(f"Training of {base.model_id}", "training"):
            has_validation = bool(data.validation)
            request = hyperparameters.request_for(
                plan.chosen, len(data.training), has_validation=has_validation
            )
            typed = hyperparameters.parse(request, base.family, has_validation=has_validation)
            presentation.print_hyperparameters(console, hyperparameters.in_force(typed))
            job_arn = customization.create_job(server, upload, role_arn, base.model_id, request)
            moment = job_progress.show(console, server, job_arn)
            model_arn = _custom_model(moment, plan.log, server)
        with watch.part("Throughput", "throughput"):
            throughput = customization.create_throughput(
                server, upload.name, model_arn, _log_hint(plan.log, server)
            )
            console.print(f"  in service: {throughput}", soft_wrap=True)
        with watch.part("Questions to both models", "questions"):
            answers = _ask(console, server, base, throughput, data)
        with watch.part("Comparison", "comparison"):
            comparison = compare(
                [item.completion for item in data.held_out], answers.base, answers.custom
            )
            console.print(f"  {comparison.verdict}")
            if comparison.verdict is not Verdict.BETTER:
                server.bedrock.delete_provisioned_model_throughput(provisionedModelId=throughput)
                console.print(
                    "  The custom model did not win: its throughput is deleted.", style="dim"
                )
    evidence = evidence_of(moment.steps, data, typed)
    return Outcome(
        base_model=base.model_id,
        job_name=upload.name,
        job_arn=job_arn,
        model_arn=model_arn,
        throughput_arn=throughput if comparison.verdict is Verdict.BETTER else None,
        hyperparameters=hyperparameters.in_force(typed),
        examples=data,
        answers=answers,
        comparison=comparison,
        steps=moment.steps,
        evidence=evidence,
        advice=what_next(comparison, evidence),
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


def _custom_model(moment: Moment, log: Path, server: Server) -> str:
    """Return the ARN of the model that a finished job made."""
    job = moment.job
    if job["status"] != "Completed":
        reason = job.get("failureMessage") or f"the job ended {job['status']}"
        raise CommandFailed(f"training failed: {reason}", _log_hint(log, server))
    return job["outputModelArn"]


def _log_hint(log: Path, server: Server) -> str:
    logs = [str(path) for path in (log, server.home.logs) if path.exists()]
    return f"the server's logs: {', '.join(logs)}"


def _ask(
    console: Console, server: Server, base: BaseModel, throughput: str, data: Examples
) -> questions.Answers:
    """Ask both models everything, saying now and then how far it is."""
    last = time.monotonic()

    def line(done: int, total: int) -> Text:
        return Text(f"  {done}/{total} calls, {questions.CALLS_AT_ONCE} at once")

    if not console.is_terminal:

        def advance(done: int, total: int) -> None:
            nonlocal last
            if done == total or time.monotonic() - last >= _QUIET_LINE_SECONDS:
                last = time.monotonic()
                console.print(line(done, total))

        return questions.ask_both(server, base.model_id, throughput, data.held_out, advance)
    with Live(console=console, refresh_per_second=8) as live:
        return questions.ask_both(
            server,
            base.model_id,
            throughput,
            data.held_out,
            lambda done, total: live.update(line(done, total)),
        )
