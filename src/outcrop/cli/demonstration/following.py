"""Showing how far the workflow is, part by part."""

import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.text import Text

from outcrop.cli import job_progress
from outcrop.cli.connection import Server
from outcrop.cli.customization_workflow.runs import POLL_SECONDS, Execution
from outcrop.cli.job_progress import Moment
from outcrop.cli.terminal import CommandFailed

_QUIET_LINE_SECONDS = 15.0
# States of the shipped machine; a test holds them against its definition.
EVALUATE = "Evaluate"


def training(console: Console, server: Server, execution: Execution, job_name: str) -> Moment:
    """Show the training job until it has ended, and return its end.

    Raises:
        CommandFailed: it failed, or was never created.
    """
    bedrock = server.bedrock
    while True:
        has_ended = execution.has_ended()  # asked first: a job that is there afterwards was created
        try:
            bedrock.get_model_customization_job(jobIdentifier=job_name)
        except bedrock.exceptions.ResourceNotFoundException:
            if has_ended:
                execution.output()
            time.sleep(POLL_SECONDS)
            continue
        break
    moment = job_progress.show(console, server, job_name)
    if moment.job["status"] != "Completed":
        reason = moment.job.get("failureMessage") or f"the job ended {moment.job['status']}"
        raise CommandFailed(f"training failed: {reason}")
    return moment


def throughput(execution: Execution) -> str:
    """Wait until the custom model's throughput is in service, and return its ARN.

    Raises:
        CommandFailed: the run ended before.
    """
    for _ in execution.wait_for(EVALUATE):
        pass
    arn = execution.throughput_arn()
    if arn is None:
        execution.output()
        raise CommandFailed("the run ended without throughput")
    return arn


def questions(console: Console, execution: Execution) -> None:
    """Show how many questions are answered, until all are or the run has ended."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8) as live:
            for done, total in _counts(execution):
                live.update(_line(done, total))
        return
    printed, counted, last = (0, 0), (0, 0), 0.0
    for counted in _counts(execution):  # the last one is printed
        if counted[1] and time.monotonic() - last >= _QUIET_LINE_SECONDS:
            printed, last = counted, time.monotonic()
            console.print(_line(*counted))
    if counted != printed:
        console.print(_line(*counted))


def _counts(execution: Execution) -> Iterator[tuple[int, int]]:
    """Yield how many questions are answered, of how many; the last time when all are or nothing more comes."""
    while True:
        has_ended = execution.has_ended()
        done, total = execution.questions_answered()
        yield done, total
        if has_ended or (total and done == total):
            return
        time.sleep(POLL_SECONDS)


def _line(done: int, total: int) -> Text:
    return Text(f"  {done}/{total} questions answered" if total else "  being prepared")
