"""`outcrop quotas`: what the account may have, and the administrator's word on requests for more.

Deciding needs the home folder, not a running server: what is written holds for a running server from its next call on.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from outcrop.cli.flags import HomeFlag
from outcrop.cli.terminal import CommandFailed, messages, output
from outcrop.config import Settings, load_settings
from outcrop.core.clock import SystemClock
from outcrop.core.times import from_us, now_us
from outcrop.governance import quotas
from outcrop.governance.quota_catalogue import QUOTAS, SERVICE_NAMES
from outcrop.storage import service_quotas as repository
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import current_revision, newest_revision
from outcrop.storage.home import Home
from outcrop.storage.service_quotas import RequestRow

commands = typer.Typer(
    help="Show quotas, set them, and grant or deny requests for more.", no_args_is_help=True
)
RegionFlag = Annotated[
    str | None,
    typer.Option(
        "--region",
        help="Region whose quotas are meant.  [the server's region]",
        show_default=False,
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
RequestId = Annotated[str, typer.Argument(help="Id of the request: see `outcrop quotas requests`.")]


@commands.command("list")
def list_quotas(
    service: Annotated[str | None, typer.Argument(help="bedrock, iam, kms or s3.")] = None,
    home: HomeFlag = None,
    region: RegionFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List quotas with the values that hold."""
    if service is not None and service not in SERVICE_NAMES:
        raise CommandFailed(
            f"{service!r} has no quotas here", f"services with quotas: {', '.join(SERVICE_NAMES)}"
        )
    settings = load_settings({"home": home})
    with _database(settings) as database:
        asked = quotas.Quotas(database)
        rows = [
            (quota, asked.value(quota.service, quota.code, region=region or settings.region))
            for quota in QUOTAS.values()
            if service in {None, quota.service}
        ]
    if as_json:
        found = [
            {"service": quota.service, "code": quota.code, "name": quota.name, "value": value}
            for quota, value in rows
        ]
        typer.echo(json.dumps(found, indent=2))
        return
    table = _table("service", "code", "quota", "value", "default")
    for quota, value in rows:
        default = quotas.plain(quota.default)
        table.add_row(quota.service, quota.code, quota.name, quotas.plain(value), default)
    output().print(table)


@commands.command("requests")
def list_requests(
    home: HomeFlag = None,
    pending: Annotated[bool, typer.Option("--pending", help="Only those to decide.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List requests for more, the newest first."""
    with _database(load_settings({"home": home})) as database:
        rows = [
            row
            for row in repository.requests(database.reader)
            if not pending or row.status == quotas.PENDING
        ]
    if as_json:
        typer.echo(json.dumps([_as_json(row) for row in rows], indent=2))
        return
    if not rows:
        messages().print("There are no requests.", style="dim")
        return
    table = _table("id", "status", "quota", "wanted", "region", "requester", "asked")
    for row in rows:
        table.add_row(
            row.id,
            row.status,
            QUOTAS[row.service, row.code].name,
            quotas.plain(row.desired_value),
            row.region or "all",
            row.requester,
            from_us(row.created_us).astimezone().strftime("%Y-%m-%d %H:%M"),
        )
    output().print(table)


@commands.command("grant")
def grant(
    request_id: RequestId,
    value: Annotated[
        float | None, typer.Option("--value", help="Grant this much instead of what was asked.")
    ] = None,
    home: HomeFlag = None,
) -> None:
    """Grant a request for more; it holds at once, also for a running server."""
    with _database(load_settings({"home": home})) as database:
        row = quotas.grant(database, request_id, now_us=now_us(SystemClock()), value=value)
    granted = quotas.plain(row.desired_value if value is None else value)
    messages().print(f"{QUOTAS[row.service, row.code].name}: {granted}")


@commands.command("deny")
def deny(request_id: RequestId, home: HomeFlag = None) -> None:
    """Deny a request for more; the quota stays as it is."""
    with _database(load_settings({"home": home})) as database:
        row = quotas.deny(database, request_id, now_us=now_us(SystemClock()))
    messages().print(f"{QUOTAS[row.service, row.code].name}: denied")


@commands.command("set")
def set_quota(
    service: Annotated[str, typer.Argument(help="bedrock, iam, kms or s3.")],
    code: Annotated[str, typer.Argument(help="Code of the quota, such as L-CB5B847D.")],
    value: Annotated[float, typer.Argument(help="The new value.")],
    home: HomeFlag = None,
    region: RegionFlag = None,
) -> None:
    """Give a quota a value without a request, also one that users cannot ask to have raised."""
    settings = load_settings({"home": home})
    quota = quotas.find_quota(service, code)
    place = region or settings.region
    with _database(settings) as database:
        quotas.set_value(database, quota, value, region=place, now_us=now_us(SystemClock()))
    where = "" if quota.is_global else f" in {place}"
    messages().print(f"{quota.name}{where}: {quotas.plain(value)}")


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """Give the database of a home; a server may be running on it."""
    path = Home(settings.home).database
    if not settings.database_url and not path.exists():
        raise CommandFailed(
            f"there is no database in {settings.home}",
            "start a server once with `outcrop up`, or name another home with --home or OUTCROP_HOME",
        )
    database = Database(settings.database_url or f"sqlite:///{path}")
    try:
        if current_revision(database) != newest_revision():
            raise CommandFailed(
                f"the database in {settings.home} is of another version",
                "start this version's server on it once: `outcrop up`",
            )
        yield database
    finally:
        database.close()


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _as_json(row: RequestRow) -> dict[str, str | float]:
    return {
        "id": row.id,
        "status": row.status,
        "service": row.service,
        "code": row.code,
        "desiredValue": row.desired_value,
        "region": row.region,
        "requester": row.requester,
        "created": from_us(row.created_us).isoformat(),
    }
