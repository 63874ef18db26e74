"""`outcrop up`: start the server and keep it running until Ctrl-C."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from outcrop.cli.terminal import messages
from outcrop.config import load_settings

if TYPE_CHECKING:
    from outcrop.gateway.server import Listening


def _setting(name: str, text: str) -> Any:  # Typer's option, which has no public type
    flag = "--" + name.replace("_", "-")
    variable = f"OUTCROP_{name.upper()}"
    return typer.Option(flag, help=f"{text}  [{variable}]", show_default=False)


def up(  # noqa: PLR0913, PLR0917  # every setting is a flag
    home: Annotated[Path | None, _setting("home", "Folder that holds everything.")] = None,
    host: Annotated[str | None, _setting("host", "Address to listen on; 127.0.0.1.")] = None,
    port: Annotated[int | None, _setting("port", "HTTP port; 4500, 0 takes a free one.")] = None,
    tls_port: Annotated[
        int | None, _setting("tls_port", "HTTPS port; 4543, 0 takes a free one.")
    ] = None,
    allow_plain_http: Annotated[
        bool | None,
        typer.Option(
            "--allow-plain-http/--no-allow-plain-http",
            help="Serve plain HTTP on an address beyond loopback.  [OUTCROP_ALLOW_PLAIN_HTTP]",
            show_default=False,
        ),
    ] = None,
    region: Annotated[str | None, _setting("region", "Region that `outcrop env` prints.")] = None,
    account_id: Annotated[
        str | None, _setting("account_id", "Twelve digits, fixed when the home is made.")
    ] = None,
    database_url: Annotated[
        str | None, _setting("database_url", "SQLAlchemy URL; a SQLite file in the home.")
    ] = None,
    model_alias: Annotated[
        list[str] | None,
        typer.Option(
            "--model-alias",
            metavar="ALIAS=MODEL",
            help="Let a local model answer under an AWS model id; may be repeated.  [OUTCROP_MODEL_ALIASES]",
            show_default=False,
        ),
    ] = None,
    model_wait_seconds: Annotated[
        float | None,
        _setting("model_wait_seconds", "How long a call waits for a model to load; 30."),
    ] = None,
    model_idle_seconds: Annotated[
        float | None,
        _setting("model_idle_seconds", "After how long without calls a model is unloaded; 900."),
    ] = None,
    max_engines: Annotated[
        int | None, _setting("max_engines", "Base models in memory at once; 3.")
    ] = None,
    training_threads: Annotated[
        int | None, _setting("training_threads", "CPU threads of one training worker; 2.")
    ] = None,
    training_concurrency: Annotated[
        int | None, _setting("training_concurrency", "Customization jobs that train at once; 1.")
    ] = None,
    engine_threads: Annotated[
        int | None, _setting("engine_threads", "CPU threads of one inference engine; 2.")
    ] = None,
    root_of_trust: Annotated[
        str | None,
        _setting(
            "root_of_trust", "What keys are wrapped under: file, or vault:URL-OF-TRANSIT-KEY."
        ),
    ] = None,
    vault_token_file: Annotated[
        str | None,
        _setting("vault_token_file", "File with Vault's token; or set OUTCROP_VAULT_TOKEN."),
    ] = None,
    vault_ca: Annotated[
        str | None, _setting("vault_ca", "CA certificates for Vault; the system's.")
    ] = None,
    audit_retention_months: Annotated[
        int | None,
        _setting("audit_retention_months", "Full months of the audit trail to keep; 0, all."),
    ] = None,
    audit_payload_retention_months: Annotated[
        int | None,
        _setting(
            "audit_payload_retention_months",
            "Full months of requests and answers in the audit trail to keep; 0, all.",
        ),
    ] = None,
    object_store: Annotated[
        str | None,
        _setting("object_store", "s3://BUCKET/PREFIX for objects' content; a folder in the home."),
    ] = None,
    object_store_endpoint: Annotated[
        str | None, _setting("object_store_endpoint", "URL of that bucket's endpoint; AWS's own.")
    ] = None,
    object_store_region: Annotated[
        str | None, _setting("object_store_region", "Region of that bucket; us-east-1.")
    ] = None,
    object_store_access_key_id: Annotated[
        str | None,
        _setting(
            "object_store_access_key_id",
            "Key for that bucket; its secret is OUTCROP_OBJECT_STORE_SECRET_ACCESS_KEY.",
        ),
    ] = None,
    function_isolation: Annotated[
        str | None,
        _setting("function_isolation", "Walls around functions: full, available or none; full."),
    ] = None,
    function_network: Annotated[
        str | None,
        _setting("function_network", "What functions reach: closed, the server alone, or open."),
    ] = None,
    function_image: Annotated[
        list[str] | None,
        typer.Option(
            "--function-image",
            metavar="REFERENCE=FOLDER",
            help="Run an image's functions from a folder with its sources; may be repeated."
            "  [OUTCROP_FUNCTION_IMAGES]",
            show_default=False,
        ),
    ] = None,
    function_concurrency: Annotated[
        int | None, _setting("function_concurrency", "Invocations that may run at once; 1000.")
    ] = None,
    function_processes: Annotated[
        int | None, _setting("function_processes", "Processes of functions at once; 50.")
    ] = None,
    function_idle_seconds: Annotated[
        float | None,
        _setting("function_idle_seconds", "After how long an unused function ends; 300."),
    ] = None,
    wait_scale: Annotated[
        float | None,
        _setting("wait_scale", "Multiply the times of Wait states by this; 1."),
    ] = None,
    smtp_sender: Annotated[
        str | None,
        _setting("smtp_sender", "Whom the server's own mail comes from; see OUTCROP_SMTP_URL."),
    ] = None,
    ses_sandbox: Annotated[
        bool | None,
        typer.Option(
            "--ses-sandbox/--no-ses-sandbox",
            help="Let SES send to verified recipients only.  [OUTCROP_SES_SANDBOX]",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[
        str | None, _setting("log_format", "pretty, json, or auto: pretty on a terminal.")
    ] = None,
    log_level: Annotated[
        str | None, _setting("log_level", "debug, info, warning or error; info.")
    ] = None,
) -> None:
    """Start the server.

    A flag wins over its variable, the variable over outcrop.toml in the home. Ctrl-C stops the server; jobs go on
    from their last checkpoint when it starts again.
    """
    flags = {
        "home": home,
        "host": host,
        "port": port,
        "tls_port": tls_port,
        "allow_plain_http": allow_plain_http,
        "region": region,
        "account_id": account_id,
        "database_url": database_url,
        "model_aliases": ",".join(model_alias) if model_alias else None,
        "model_wait_seconds": model_wait_seconds,
        "model_idle_seconds": model_idle_seconds,
        "max_engines": max_engines,
        "training_threads": training_threads,
        "training_concurrency": training_concurrency,
        "engine_threads": engine_threads,
        "root_of_trust": root_of_trust,
        "vault_token_file": vault_token_file,
        "vault_ca": vault_ca,
        "audit_retention_months": audit_retention_months,
        "audit_payload_retention_months": audit_payload_retention_months,
        "object_store": object_store,
        "object_store_endpoint": object_store_endpoint,
        "object_store_region": object_store_region,
        "object_store_access_key_id": object_store_access_key_id,
        "function_isolation": function_isolation,
        "function_network": function_network,
        "function_images": ",".join(function_image) if function_image else None,
        "function_concurrency": function_concurrency,
        "function_processes": function_processes,
        "function_idle_seconds": function_idle_seconds,
        "wait_scale": wait_scale,
        "smtp_sender": smtp_sender,
        "ses_sandbox": ses_sandbox,
        "log_format": log_format,
        "log_level": log_level,
    }
    from outcrop.app import serve

    settings = load_settings(flags)
    serve(settings, on_started=lambda server: _greet(server, settings.home))


def _greet(server: "Listening", home: Path) -> None:
    is_default_home = home == load_settings(environment={}).home
    command = "outcrop env" if is_default_home else f"outcrop env --home {home}"
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("endpoint", Text(f"http://127.0.0.1:{server.port}", style="bold"))
    table.add_row("with TLS", f"https://{server.host}:{server.tls_port}")
    table.add_row("home", str(home))
    console = messages()
    console.print()
    console.print(Text("Outcrop is up", style="bold green"))
    console.print(table)
    console.print(
        Text.assemble("In another shell:  ", (f'eval "$({command})"', "bold")), soft_wrap=True
    )
    console.print(Text("Ctrl-C stops the server.", style="dim"))
    console.print()
