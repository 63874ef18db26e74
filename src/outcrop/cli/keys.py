"""`outcrop keys`: where the keys of a home have their root, and how to move it."""

from dataclasses import replace
from typing import Annotated

import typer

from outcrop.cli.flags import HomeFlag
from outcrop.cli.terminal import CommandFailed, messages, output
from outcrop.config import Settings, load_settings
from outcrop.core.clock import SystemClock
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import bring_up_to_date
from outcrop.storage.home import Home
from outcrop.storage.kms_keys.root_of_trust import (
    FILE,
    make_source,
    name_in,
    name_of,
    open_root_of_trust,
    rewrap,
)

commands = typer.Typer(
    help="Show the root of trust of a home's keys, or move it.", no_args_is_help=True
)


@commands.command("root")
def show_root(home: HomeFlag = None) -> None:
    """Print what the keys of the home are wrapped under."""
    settings = load_settings({"home": home})
    database = _existing(settings)
    try:
        with database.read() as connection:
            output().print(name_in(connection) or FILE)
    finally:
        database.close()


@commands.command("rewrap")
def rewrap_keys(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="ROOT",
            help="file, or vault:https://HOST:8200/v1/transit/keys/NAME; the present one renews.",
        ),
    ],
    home: HomeFlag = None,
) -> None:
    """Wrap every key anew under another root of trust: all of them or none. The server must not run.

    Vault's token is OUTCROP_VAULT_TOKEN or in OUTCROP_VAULT_TOKEN_FILE, as for the server. From one Vault to another
    go by way of a file, since each has its own token. Naming the present root wraps the keys under the newest version
    of a transit key.
    """
    settings = load_settings({"home": home})
    place = Home(settings.home)
    database = _existing(settings)
    try:
        place.lock()
        bring_up_to_date(place, database, SystemClock())
        with database.read() as connection:
            present = name_in(connection) or FILE
        new_name = name_of(to)
        if present != FILE and new_name not in {FILE, present}:
            raise CommandFailed(
                f"the keys are wrapped under {present}, and the token of one Vault is not that of another",
                "go by way of a file: `outcrop keys rewrap --to file`, then --to the new one",
            )
        old = open_root_of_trust(replace(settings, root_of_trust=present), place, database)
        new = old if new_name == present else make_source(new_name, settings, place)
        with messages().status("Wrapping keys"):
            count = rewrap(database, old, new, new_name)
    finally:
        database.close()
        place.unlock()
    messages().print(f"Wrapped {count} keys under {new_name}")
    if new_name != present:
        messages().print(f"Start the server with OUTCROP_ROOT_OF_TRUST={new_name}")
    if present == FILE != new_name:
        messages().print(
            f"{place.key_file} is still needed for backups made before; keep it somewhere else, "
            "and delete it here"
        )


def _existing(settings: Settings) -> Database:
    path = Home(settings.home).database
    if not settings.database_url and not path.exists():
        raise CommandFailed(f"there is no home at {settings.home}", "start one with `outcrop up`")
    return Database(settings.database_url or f"sqlite:///{path}")
