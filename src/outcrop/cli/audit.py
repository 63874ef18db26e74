"""`outcrop audit`: verify the audit trail without the server, read it, and take it elsewhere."""

import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from outcrop.cli.flags import HomeFlag
from outcrop.cli.terminal import CommandFailed, messages, output
from outcrop.config import Settings, load_settings
from outcrop.core.errors import ConfigurationError, OutcropError
from outcrop.governance.audit.callers import user_name
from outcrop.governance.audit.findings import Mark, Report
from outcrop.governance.audit.layout import Layout
from outcrop.governance.audit.lookup import Wanted, search
from outcrop.governance.audit.state import State, StateFile
from outcrop.governance.audit.verification import load_public_key, verify
from outcrop.storage.home import Home

commands = typer.Typer(
    help="Verify the audit trail without the server, list its events, export them.",
    no_args_is_help=True,
)

DAMAGED = 1
UNREADABLE = 2


class ListFormat(StrEnum):
    """How events are listed."""

    TABLE = "table"
    JSON = "json"


FolderArgument = Annotated[
    Path | None,
    typer.Argument(
        help="The trail's folder or a copy of it; by default the home's.", show_default=False
    ),
]
SinceFlag = Annotated[
    datetime | None, typer.Option("--since", help="Earliest time, in UTC.", show_default=False)
]
UntilFlag = Annotated[
    datetime | None, typer.Option("--until", help="Latest time, in UTC.", show_default=False)
]


@commands.command("verify")
def verify_trail(
    folder: FolderArgument = None,
    home: HomeFlag = None,
    expect: Annotated[
        str,
        typer.Option(
            "--expect",
            metavar="NUMBER:TAG",
            help="A checkpoint that an earlier run printed: tells whether the trail was cut or made anew since.",
        ),
    ] = "",
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key",
            help="The known public key, kept elsewhere; by default the one beside the trail.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check every event of the audit trail; needs neither the server nor its secrets.

    Exit status: 0, the trail is whole; 1, it was changed, and each finding names what was done and where; 2, there
    is no trail, or what it is to be held against cannot be read.
    """
    settings = load_settings({"home": home})
    place = folder or Home(settings.home).audit
    try:
        report = verify(
            place,
            public_key=None if public_key is None else load_public_key(public_key),
            expected=Mark.parse(expect) if expect else None,
            state=_open_state(settings) if folder is None else None,
        )
    except ConfigurationError as error:
        messages().print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
        raise typer.Exit(UNREADABLE) from None
    if as_json:
        typer.echo(json.dumps(_as_json(report), indent=2))
    else:
        _print(report)
    if not report.is_whole:
        raise typer.Exit(DAMAGED)


def _open_state(settings: Settings) -> State | None:
    """Return the home's own state, where its root of trust can be reached: it proves the last events too."""
    from outcrop.storage.database.engine import Database
    from outcrop.storage.kms_keys.root_of_trust import FILE, make_source, name_of
    from outcrop.storage.service_keys import ServiceKeys

    home = Home(settings.home)
    name = name_of(settings.root_of_trust)
    needed = [home.audit / "state.sealed"]
    needed += [home.key_file] if name == FILE else []  # it would be made where there is none
    needed += [] if settings.database_url else [home.database]
    if not all(path.exists() for path in needed):
        return None
    database = Database(settings.database_url or f"sqlite:///{home.database}")
    try:
        with suppress(OutcropError):
            source = make_source(name, settings, home)
            return StateFile(Layout(home.audit).state, ServiceKeys(database, source)).load()
    finally:
        database.close()
    messages().print("The sealed state does not open here: the last events stay unproven.")
    return None


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "whole": report.is_whole,
        "findings": [
            {"kind": item.kind, "file": item.file, "line": item.line, "what": item.what}
            for item in report.findings
        ],
        "notes": report.notes,
        "partitions": report.partitions,
        "checkpoints": report.checkpoints,
        "checkpoint": None if report.covered is None else str(report.covered),
        "uncovered": report.uncovered,
        "fingerprint": report.fingerprint,
    }


def _print(report: Report) -> None:
    table = Table.grid(padding=(0, 2))
    for partition, count in report.partitions.items():
        table.add_row(partition, f"{count} events")
    table.add_row("public key", f"SHA-256 {report.fingerprint}")
    if report.covered is not None:
        table.add_row("checkpoint", str(report.covered))
    output().print(table, soft_wrap=True)
    for note in report.notes:
        output().print(Text(note, style="dim"), soft_wrap=True)
    if report.uncovered:
        output().print(
            Text(f"{report.uncovered} events behind the last checkpoint", style="dim"),
            soft_wrap=True,
        )
    for finding in report.findings:
        output().print(Text(str(finding), style="red"), soft_wrap=True)
    verdict = ("WHOLE", "bold green") if report.is_whole else ("CHANGED", "bold red")
    output().print(
        Text.assemble(verdict, f"  {report.checkpoints} signed checkpoints hold"), soft_wrap=True
    )


@commands.command("list")
def list_events(  # noqa: PLR0913, PLR0917  # each filter is a flag
    folder: FolderArgument = None,
    home: HomeFlag = None,
    attribute: Annotated[
        str,
        typer.Option(
            "--attribute",
            metavar="KEY=VALUE",
            help="EventId, EventName, ReadOnly, Username, ResourceType, ResourceName, EventSource or AccessKeyId.",
        ),
    ] = "",
    since: SinceFlag = None,
    until: UntilFlag = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many events.")] = 50,
    format: Annotated[ListFormat, typer.Option("--format")] = ListFormat.TABLE,  # noqa: A002  # the flag's name
) -> None:
    """List events, the newest first."""
    layout = _layout(folder, home)
    wanted = _wanted(attribute, since, until)
    records = [found.record for found in islice(search(layout, wanted), limit)]
    if format is ListFormat.JSON:
        typer.echo(orjson.dumps(records, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for column in ("time", "event", "by", "on", "outcome"):
        table.add_column(column, overflow="fold")
    for record in records:
        failure = record.get("errorCode", "")
        resources = record.get("resources", ())
        table.add_row(
            record["eventTime"],
            f"{record['eventSource'].partition('.')[0]}:{record['eventName']}",
            user_name(record.get("userIdentity", {})),
            resources[-1]["ARN"] if resources else "",
            Text(failure or "ok", style="red" if failure else "green"),
        )
    output().print(table)


@commands.command("export")
def export_events(
    folder: FolderArgument = None,
    home: HomeFlag = None,
    since: SinceFlag = None,
    until: UntilFlag = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            help="File to write; compressed where it ends in .gz. By default, stdout.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write events in the form of CloudTrail's log files ({"Records": […]}), the newest first."""
    layout = _layout(folder, home)
    records = (found.record for found in search(layout, _wanted("", since, until)))
    if to is None:
        for piece in _log_file(records):
            sys.stdout.write(piece.decode())
        return
    opener = gzip.open if to.suffix == ".gz" else open
    with opener(to, "wb") as file:
        for piece in _log_file(records):
            file.write(piece)


def _log_file(records: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    yield b'{"Records":['
    for number, record in enumerate(records):
        yield (b",\n" if number else b"\n") + orjson.dumps(record)
    yield b"\n]}\n"


def _layout(folder: Path | None, home: Path | None) -> Layout:
    layout = Layout(folder or Home(load_settings({"home": home}).home).audit)
    if not layout.links.exists():
        raise CommandFailed(
            f"{layout.folder} holds no audit trail", "name its folder, or the home with --home"
        )
    return layout


def _wanted(attribute: str, since: datetime | None, until: datetime | None) -> Wanted:
    key, _, value = attribute.partition("=")
    if attribute and (key not in _ATTRIBUTES or not value):
        raise CommandFailed(
            f"{attribute!r} is no filter", f"write KEY=VALUE; the keys are {', '.join(_ATTRIBUTES)}"
        )
    return Wanted(key, value, _in_utc(since), _in_utc(until))


_ATTRIBUTES = (
    "EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource",
    "AccessKeyId",
)  # fmt: skip


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
