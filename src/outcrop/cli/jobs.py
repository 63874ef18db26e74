"""`outcrop jobs`: what is training, and how far it is."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from outcrop.cli import job_progress
from outcrop.cli.connection import find_server
from outcrop.cli.flags import HomeFlag
from outcrop.cli.terminal import duration, messages, output, print_failure

commands = typer.Typer(help="List customization jobs, and watch one live.", no_args_is_help=True)
_COLOURS = {"Completed": "green", "Failed": "red", "InProgress": "cyan"}


class ListFormat(StrEnum):
    """How a list is written."""

    TABLE = "table"
    JSON = "json"


@commands.command("list")
def list_jobs(
    home: HomeFlag = None,
    format: Annotated[ListFormat, typer.Option("--format")] = ListFormat.TABLE,  # noqa: A002  # the flag's name
) -> None:
    """List every customization job, the newest first."""
    bedrock = find_server(home).bedrock
    pages = bedrock.get_paginator("list_model_customization_jobs").paginate()
    jobs = [job for page in pages for job in page.get("modelCustomizationJobSummaries", [])]
    if format is ListFormat.JSON:
        typer.echo(json.dumps(jobs, indent=2, default=str))
        return
    if not jobs:
        messages().print("There are no customization jobs yet.", style="dim")
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for column in ("job", "status", "base model", "custom model", "took", "created"):
        table.add_column(column, overflow="fold")
    for job in jobs:
        created = job["creationTime"]
        end = job.get("endTime") or datetime.now(created.tzinfo)
        table.add_row(
            job["jobName"],
            Text(job["status"], style=_COLOURS.get(job["status"], "")),
            job["baseModelArn"].rsplit("/", 1)[-1],
            job.get("customModelName", ""),
            duration((end - created).total_seconds()),
            created.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        )
    output().print(table)


@commands.command("watch")
def watch(
    job: Annotated[str, typer.Argument(help="Name or ARN of the job.")],
    home: HomeFlag = None,
) -> None:
    """Follow one job until it ends; the exit status is 1 unless it completes. Ctrl-C leaves the job running."""
    server = find_server(home)
    try:
        moment = job_progress.show(messages(), server, job)
    except KeyboardInterrupt:
        messages().print("The job goes on; `outcrop jobs watch` shows it again.", style="dim")
        raise typer.Exit(130) from None
    if moment.job["status"] != "Completed":
        reason = moment.job.get("failureMessage") or f"the job is {moment.job['status'].lower()}"
        print_failure(reason, f"the server's logs are in {server.home.logs}")
        raise typer.Exit(1)
    typer.echo(moment.job.get("outputModelArn", ""))
