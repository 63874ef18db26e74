"""`outcrop env`: what a shell, a container or a program needs to talk to the server."""

import json
import shlex
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated

import typer

from outcrop.cli.connection import OVERRIDING_VARIABLES, find_server
from outcrop.cli.flags import HomeFlag


class Format(StrEnum):
    """How the variables are written."""

    SH = "sh"
    FISH = "fish"
    JSON = "json"
    DOTENV = "dotenv"


def env(
    home: HomeFlag = None,
    format: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.SH,  # noqa: A002  # the flag's name
    https: Annotated[bool, typer.Option("--https", help="Use the TLS endpoint.")] = False,
    api_key: Annotated[
        bool,
        typer.Option(
            "--api-key", help="Add the Bedrock API key; implies --https, keys travel over TLS only."
        ),
    ] = False,
) -> None:
    """Print the variables that point every AWS client at the running server.

    In bash or zsh: eval "$(outcrop env)". In fish: outcrop env --format fish | source.
    """
    variables = find_server(home).variables(https=https, api_key=api_key)
    typer.echo(_WRITERS[format](variables))


def _sh(variables: Mapping[str, str]) -> str:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*lines, f"unset {' '.join(OVERRIDING_VARIABLES)}"])


def _fish(variables: Mapping[str, str]) -> str:
    lines = [f"set -gx {name} {_quoted_for_fish(value)};" for name, value in variables.items()]
    return "\n".join([*lines, *(f"set -e {name};" for name in OVERRIDING_VARIABLES)])


def _quoted_for_fish(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _json(variables: Mapping[str, str]) -> str:
    return json.dumps(variables, indent=2)


def _dotenv(variables: Mapping[str, str]) -> str:
    return "\n".join(f'{name}="{value}"' for name, value in variables.items())


_WRITERS: Mapping[Format, Callable[[Mapping[str, str]], str]] = {
    Format.SH: _sh,
    Format.FISH: _fish,
    Format.JSON: _json,
    Format.DOTENV: _dotenv,
}
