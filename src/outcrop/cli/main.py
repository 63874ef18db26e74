"""The `outcrop` command, assembled."""

import typer

from outcrop import __version__
from outcrop.cli import audit, demo, doctor, env, jobs, keys, models, outbox, quotas, up, workflow
from outcrop.cli.terminal import ErrorReportingGroup

app = typer.Typer(
    name="outcrop",
    cls=ErrorReportingGroup,
    help="Customize large language models on your own machines, behind the AWS APIs you already use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"outcrop {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_print_version, help="Print the version."
    ),
) -> None:
    """Hold the flags that stand before any command."""


app.command("up")(up.up)
app.command("env")(env.env)
app.command("demo")(demo.demo)
app.add_typer(jobs.commands, name="jobs")
app.add_typer(workflow.commands, name="workflow")
app.add_typer(models.commands, name="models")
app.add_typer(keys.commands, name="keys")
app.add_typer(quotas.commands, name="quotas")
app.add_typer(audit.commands, name="audit")
app.add_typer(outbox.commands, name="outbox")
app.command("doctor")(doctor.doctor)

if __name__ == "__main__":
    app()
