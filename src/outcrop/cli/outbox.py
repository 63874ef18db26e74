"""`outcrop outbox`: the mail that was accepted, what became of it, and the operator's word on identities.

All of it needs the home folder, not a running server; what is written holds for a running server from its next call on.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from outcrop.cli.flags import HomeFlag
from outcrop.cli.terminal import CommandFailed, messages, output, size
from outcrop.config import Settings, load_settings
from outcrop.core.clock import SystemClock
from outcrop.core.times import from_us, now_us
from outcrop.governance.mail import identities
from outcrop.governance.mailer import open_message
from outcrop.storage import mail, outbox
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import current_revision, newest_revision
from outcrop.storage.home import Home
from outcrop.storage.kms_keys.root_of_trust import open_root_of_trust
from outcrop.storage.outbox import MailRow, MailState
from outcrop.storage.service_keys import ServiceKeys

commands = typer.Typer(
    help="List mail that was accepted, show it, send it again; confirm who may send.",
    invoke_without_command=True,
)
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
MailId = Annotated[
    str, typer.Argument(help="Id of the mail, or how it ends: see `outcrop outbox`.")
]
_SHOWN = 50
_MOST_SEARCHED = 10_000
_AGAIN = (MailState.KEPT, MailState.UNCERTAIN, MailState.FAILED, MailState.QUEUED)


@commands.callback()
def list_mail(
    context: typer.Context,
    home: HomeFlag = None,
    limit: Annotated[int, typer.Option("--limit", help="How many at most.")] = _SHOWN,
    as_json: JsonFlag = False,
) -> None:
    """List the mail that was accepted last, the newest first."""
    if context.invoked_subcommand is not None:
        return
    with _database(load_settings({"home": home})) as database:
        rows = outbox.newest(database.reader, limit)
    if as_json:
        typer.echo(json.dumps([_as_json(row) for row in rows], indent=2))
        return
    if not rows:
        messages().print("The outbox is empty.", style="dim")
        return
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    for name in ("id", "accepted", "state", "to", "subject", "size"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(
            row.id,
            from_us(row.created_us).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            row.state,
            ", ".join(row.recipients),
            row.subject,
            size(row.size_bytes),
        )
    output().print(table)


@commands.command("show")
def show(mail_id: MailId, home: HomeFlag = None, as_json: JsonFlag = False) -> None:
    """Print a mail as it goes out, headers and all; what became of it stands on stderr."""
    settings = load_settings({"home": home})
    with _database(settings) as database:
        row = _find(database, mail_id)
        content = open_message(database, _keys(settings, database), row.id)
    if as_json:
        text = content.decode("utf-8", "backslashreplace")
        typer.echo(json.dumps({**_as_json(row), "message": text}, indent=2))
        return
    messages().print(
        f"{row.state}, {row.attempts} attempts, to {', '.join(row.recipients)}"
        + (f": {row.detail}" if row.detail else ""),
        style="dim",
        markup=False,
    )
    typer.echo(content.replace(b"\r\n", b"\n"))


@commands.command("send")
def send(mail_id: MailId, home: HomeFlag = None) -> None:
    """Have a mail delivered that was kept, has failed or is uncertain; the server does so at its next start or mail."""
    with _database(load_settings({"home": home})) as database:
        row = _find(database, mail_id)
        if row.state not in {state.value for state in _AGAIN}:
            raise CommandFailed(
                f"the mail is {row.state}", "only what was not sent can be sent again"
            )
        now = now_us(SystemClock())
        with database.write(durable=True) as connection:
            outbox.change(
                connection,
                row.id,
                state=MailState.QUEUED.value,
                pending_json=row.recipients_json,
                created_us=now,
                next_us=now,
                ended_us=None,
                attempts=0,
            )
    messages().print(f"Queued {row.id}")


@commands.command("confirm")
def confirm(
    identity: Annotated[str, typer.Argument(help="Domain or address that may send from now on.")],
    home: HomeFlag = None,
    region: Annotated[
        str | None,
        typer.Option("--region", help="Its region.  [the server's region]", show_default=False),
    ] = None,
) -> None:
    """Confirm that a domain, or an address, belongs to whoever entered it: mail may then be sent from it."""
    settings = load_settings({"home": home})
    place = region or settings.region
    name = identities.name_of(identity)
    with (
        _database(settings) as database,
        database.write(durable=True) as connection,
    ):
        row = mail.identity(connection, place, name)
        if row is None:
            raise CommandFailed(
                f"nobody entered {name} in {place}",
                "enter it with VerifyDomainIdentity, VerifyEmailIdentity or CreateEmailIdentity",
            )
        identities.set_verified(connection, row, now_us(SystemClock()))
    messages().print(f"Mail may be sent from {name} in {place}")


def _find(database: Database, text: str) -> MailRow:
    row = outbox.get(database.reader, text)
    if row is not None:
        return row
    ending = [
        row for row in outbox.newest(database.reader, _MOST_SEARCHED) if row.id.endswith(text)
    ]
    if len(ending) != 1:
        raise CommandFailed(
            f"no mail has the id {text}" if not ending else f"{len(ending)} ids end in {text}",
            "see `outcrop outbox`",
        )
    return ending[0]


def _keys(settings: Settings, database: Database) -> ServiceKeys:
    return ServiceKeys(database, open_root_of_trust(settings, Home(settings.home), database))


def _as_json(row: MailRow) -> dict[str, object]:
    return {
        "id": row.id,
        "accepted": from_us(row.created_us).isoformat(),
        "state": row.state,
        "service": row.service,
        "region": row.region,
        "sender": row.sender,
        "recipients": row.recipients,
        "subject": row.subject,
        "bytes": row.size_bytes,
        "attempts": row.attempts,
        "detail": row.detail,
    }


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    path = Home(settings.home).database
    if not settings.database_url and not path.exists():
        raise CommandFailed(f"there is no home at {settings.home}", "start one with `outcrop up`")
    database = Database(settings.database_url or f"sqlite:///{path}")
    try:
        if current_revision(database) != newest_revision():
            raise CommandFailed(
                "the home was made by another version of Outcrop",
                "start this version's server on it once; it migrates the home",
            )
        yield database
    finally:
        database.close()
