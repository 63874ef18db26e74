"""`outcrop models`: base models to customize, and custom models made of them."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

import outcrop
from outcrop.cli.connection import Server, find_server, running_server
from outcrop.cli.flags import HomeFlag
from outcrop.cli.terminal import CommandFailed, messages, output
from outcrop.config import load_settings
from outcrop.core.models import BaseModel, is_model_id
from outcrop.storage.base_models import BUNDLED_MODEL_ID, BaseModelStore
from outcrop.storage.home import Home

BUNDLED_MODEL_FOLDER = Path(outcrop.__file__).parent / "bundled" / "nano_v1"

commands = typer.Typer(
    help="List models, add base models, remove base and custom models.", no_args_is_help=True
)


@commands.command("list")
def list_models(home: HomeFlag = None) -> None:
    """List base models, and, while the server runs, custom models."""
    settings = load_settings({"home": home})
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for column in ("base model", "parameters", "context", "architecture", "bodies as"):
        table.add_column(column, overflow="fold")
    for model in base_model_store(Home(settings.home), settings.model_aliases).list():
        table.add_row(
            model.model_id,
            _millions(model.parameters),
            f"{model.context_tokens:,}",
            model.architecture,
            model.dialect,
        )
    output().print(table)
    server = running_server(settings)
    if server is None:
        messages().print("Custom models are listed while the server runs.", style="dim")
    else:
        _print_custom_models(server)


def _print_custom_models(server: Server) -> None:
    pages = server.bedrock.get_paginator("list_custom_models").paginate()
    models = [model for page in pages for model in page.get("modelSummaries", [])]
    if not models:
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for column in ("custom model", "base model", "created", "ARN"):
        table.add_column(column, overflow="fold")
    for model in models:
        table.add_row(
            model["modelName"],
            model["baseModelArn"].rsplit("/", 1)[-1],
            model["creationTime"].astimezone().strftime("%Y-%m-%d %H:%M"),
            model["modelArn"],
        )
    output().print(table)


@commands.command("add")
def add(
    source: Annotated[
        str, typer.Argument(help="A Hugging Face folder, or a hub id such as org/name.")
    ],
    model_id: Annotated[
        str, typer.Option("--id", help="Id to give it, in AWS's form: provider.name-v1:0.")
    ],
    home: HomeFlag = None,
) -> None:
    """Add a base model to customize. A running server sees it at once.

    Weights are taken from safetensors files only, and a model's own code is never run.
    """
    if not is_model_id(model_id):
        raise CommandFailed(
            f"{model_id!r} is no model id", "write it as provider.name-v1:0, in lower case"
        )
    settings = load_settings({"home": home})
    place = Home(settings.home)
    place.prepare()
    with messages().status(f"Adding {source}"):
        model = base_model_store(place, settings.model_aliases).add(source, model_id)
    messages().print(Text.assemble("Added ", (model.model_id, "bold"), f": {_described(model)}"))


@commands.command("remove")
def remove(
    model: Annotated[
        str, typer.Argument(help="Id of an added base model, or name of a custom model.")
    ],
    home: HomeFlag = None,
) -> None:
    """Remove a custom model, or a base model that was added and that no custom model stands on."""
    server = find_server(home)
    folder = server.home.base_models / model
    if model == BUNDLED_MODEL_ID:
        raise CommandFailed(f"{model} comes with Outcrop and stays")
    if "." in model and folder.is_dir() and folder.parent == server.home.base_models:
        _remove_base_model(server, model, folder)
    else:
        server.bedrock.delete_custom_model(modelIdentifier=model)
    messages().print(f"Removed {model}")


def _remove_base_model(server: Server, model: str, folder: Path) -> None:
    pages = server.bedrock.get_paginator("list_custom_models").paginate()
    dependents = [
        item["modelName"]
        for page in pages
        for item in page.get("modelSummaries", [])
        if item["baseModelArn"].rsplit("/", 1)[-1] == model
    ]
    if dependents:
        raise CommandFailed(
            f"custom models stand on {model}: {', '.join(dependents)}",
            "remove them first with `outcrop models remove NAME`",
        )
    shutil.rmtree(folder)


def base_model_store(home: Home, aliases: Mapping[str, str]) -> BaseModelStore:
    """Return the catalogue of a home; readable while a server runs on it."""
    return BaseModelStore(home, aliases, BUNDLED_MODEL_FOLDER)


def _described(model: BaseModel) -> str:
    return (
        f"{model.architecture}, {_millions(model.parameters)} parameters, "
        f"{model.context_tokens:,} tokens of context"
    )


def _millions(count: int) -> str:
    return f"{count / 1e9:.1f} B" if count >= 1e9 else f"{count / 1e6:.1f} M"
