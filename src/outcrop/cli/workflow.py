"""`outcrop workflow`: the shipped customization workflow, deployed, run, looked at and removed."""

import json
import secrets
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from outcrop.cli.flags import HomeFlag
from outcrop.cli.terminal import CommandFailed, messages, output
from outcrop.storage.base_models import BUNDLED_MODEL_ID

if TYPE_CHECKING:
    from outcrop.cli.customization_workflow.layout import Layout
    from outcrop.cli.customization_workflow.runs import Execution

commands = typer.Typer(
    help="Customize, compare, keep the winner and mail what was found: as a state machine, ready to deploy.",
    no_args_is_help=True,
)
_NAME = "outcrop-customization"
POLL_SECONDS = 0.5

NameFlag = Annotated[
    str, typer.Option("--name", help="Of the deployment; every part's name begins with it.")
]
EndpointFlag = Annotated[
    str | None,
    typer.Option(
        "--endpoint-url",
        envvar="AWS_ENDPOINT_URL",
        help="Act as whoever the shell's AWS settings name; without it, or with --home, as the home's root.",
        show_default=False,
    ),
]


@commands.command("deploy")
def deploy(  # noqa: PLR0913, PLR0917  # each is a flag
    name: NameFlag = _NAME,
    sender: Annotated[
        str, typer.Option("--sender", metavar="ADDRESS", help="Reports are mailed from here.")
    ] = "",
    recipient: Annotated[
        list[str] | None,
        typer.Option(
            "--recipient", metavar="ADDRESS", help="Gets the report of every run; may be repeated."
        ),
    ] = None,
    delete_losing_model: Annotated[
        bool,
        typer.Option(
            "--delete-losing-model", help="Delete a loser's model, not only its throughput."
        ),
    ] = False,
    home: HomeFlag = None,
    endpoint_url: EndpointFlag = None,
) -> None:
    """Make buckets, roles, log groups, function and machines; a second time, change only what differs."""
    from outcrop.cli.customization_workflow.deployment import Wishes
    from outcrop.cli.customization_workflow.deployment import deploy as put_up

    if recipient and not sender:
        raise CommandFailed("--recipient needs --sender", "name the address that mail comes from")
    layout = replace(_layout(name, home, endpoint_url), sender=sender)
    changed: list[str] = []

    def tell(what: str) -> None:
        changed.append(what)
        messages().print(f"  {what}", soft_wrap=True, markup=False)

    put_up(layout, Wishes(tuple(recipient or ()), delete_losing_model), tell)
    messages().print("Deployed." if changed else "Nothing to change.")
    typer.echo(layout.machine_arn(layout.name))


@commands.command("run")
def run(  # noqa: PLR0913, PLR0917  # each is a flag
    train: Annotated[Path, typer.Option("--train", metavar="FILE", help="Your examples, JSONL.")],
    held_out: Annotated[
        Path | None,
        typer.Option(
            "--held-out", metavar="FILE", help="What to compare on; else a tenth is held out."
        ),
    ] = None,
    base: Annotated[str, typer.Option("--base", help="Model to customize.")] = BUNDLED_MODEL_ID,
    run_name: Annotated[
        str,
        typer.Option("--run-name", help="Of job, model and throughput; made up where not given."),
    ] = "",
    hyperparameter: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter; may be repeated."),
    ] = None,
    no_loss: Annotated[
        bool,
        typer.Option(
            "--no-loss", help="Do not ask how likely references are, which only own bodies can."
        ),
    ] = False,
    recipient: Annotated[
        list[str] | None,
        typer.Option("--recipient", metavar="ADDRESS", help="Instead of the deployment's."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start it, print its ARN and do not wait.")
    ] = False,
    name: NameFlag = _NAME,
    home: HomeFlag = None,
    endpoint_url: EndpointFlag = None,
) -> None:
    """Upload examples, run the workflow on them and print the verdict; the exit status is 1 unless it ends well."""
    from outcrop.cli.customization_workflow import runs
    from outcrop.cli.demonstration import examples

    layout = _layout(name, home, endpoint_url)
    data = examples.load(examples.Source(train, held_out), lambda _: True)
    chosen = run_name or f"{train.stem[:40]}-{secrets.token_hex(4)}"
    uris = runs.upload(layout, chosen, examples.as_files(data))
    request: dict[str, Any] = {"BaseModelIdentifier": base, **examples.as_input(uris)}
    if hyperparameter:
        request["HyperParameters"] = _pairs(hyperparameter)
    if no_loss:
        request["MeasureLoss"] = False
    if recipient:
        request["Recipients"] = recipient
    execution = runs.start(layout, chosen, request)
    if detach:
        typer.echo(execution.arn)
        return
    try:
        _follow(execution)
    except KeyboardInterrupt:
        messages().print("The run goes on; `outcrop workflow status` shows it.", style="dim")
        raise typer.Exit(130) from None
    _print_findings(execution)


@commands.command("status")
def status(
    name: NameFlag = _NAME, home: HomeFlag = None, endpoint_url: EndpointFlag = None
) -> None:
    """Show every part of a deployment, and the latest runs; the exit status is 1 where a part is missing."""
    from outcrop.cli.customization_workflow.deployment import parts

    layout = _layout(name, home, endpoint_url)
    found = parts(layout)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for column in ("part", "name", "state"):
        table.add_column(column, overflow="fold")
    for part in found:
        table.add_row(part.kind, part.name, Text(part.state, style="" if part.is_there else "red"))
    output().print(table)
    if found[0].is_there:
        _print_runs(layout)
    if not all(part.is_there for part in found):
        raise typer.Exit(1)


@commands.command("remove")
def remove(
    name: NameFlag = _NAME,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Delete the buckets too, with all they hold.")
    ] = False,
    home: HomeFlag = None,
    endpoint_url: EndpointFlag = None,
) -> None:
    """Delete machines, function, roles and log groups; custom models, throughput and mail identities stay."""
    from outcrop.cli.customization_workflow.deployment import remove as take_down

    layout = _layout(name, home, endpoint_url)
    take_down(
        layout,
        lambda what: messages().print(f"  {what}", soft_wrap=True, markup=False),
        with_data=with_data,
    )
    messages().print("Removed.")


def _layout(name: str, home: Path | None, endpoint_url: str | None) -> "Layout":
    from outcrop.cli.customization_workflow.caller import find_caller
    from outcrop.cli.customization_workflow.layout import LONGEST_NAME, Layout

    if len(name) > LONGEST_NAME:
        raise CommandFailed(f"--name has {len(name)} characters", f"{LONGEST_NAME} are the most")
    return Layout(find_caller(home, endpoint_url), name)


def _follow(execution: "Execution") -> None:
    """Print each state as it is entered, until the execution has ended."""
    shown = 0
    has_ended = False
    while not has_ended:
        has_ended = execution.has_ended()  # asked first, so that no state goes unseen
        entered = execution.states_entered()
        for state in entered[shown:]:
            messages().print(f"  {state}", markup=False)
        shown = len(entered)
        time.sleep(0 if has_ended else POLL_SECONDS)


def _print_findings(execution: "Execution") -> None:
    from outcrop.cli.demonstration.presentation import measures_table

    findings = execution.findings()
    found = findings.output
    output().print(f"{found['Verdict'].upper()}  {found['Reason']}")
    output().print(measures_table(findings.comparison))
    for title in ("ModelArn", "ThroughputArn"):
        output().print(f"{title}: {found[title] or 'deleted'}", soft_wrap=True, markup=False)
    report = found["Report"].get("Html") or f"none, {found['Report'].get('Error')}"
    output().print(f"Report: {report}", soft_wrap=True, markup=False)
    output().print(f"Mail: {found['Mail']}", soft_wrap=True, markup=False)


def _print_runs(layout: "Layout") -> None:
    states = layout.caller.client("stepfunctions")
    listed = states.list_executions(stateMachineArn=layout.machine_arn(layout.name), maxResults=10)[
        "executions"
    ]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for column in ("run", "status", "verdict", "started"):
        table.add_column(column, overflow="fold")
    for item in listed:
        described = states.describe_execution(executionArn=item["executionArn"])
        verdict = json.loads(described.get("output") or "{}").get("Verdict", "")
        started = item["startDate"].astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(item["name"], item["status"], verdict, started)
    if listed:
        output().print()
        output().print(table)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise CommandFailed(f"--set {text} is no NAME=VALUE", "for instance --set epochCount=3")
        pairs[name] = value
    return pairs
