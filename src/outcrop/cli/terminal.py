"""How the commands speak: data on stdout, everything else on stderr, failures with a hint.

Rich leaves out colours and control codes where the output is no terminal, so logs stay readable.
"""

from functools import cache
from typing import Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from outcrop.core.errors import OutcropError

_PLAIN_WIDTH = 100


class CommandFailed(OutcropError):
    """A command cannot do what was asked.

    Args:
        message: what went wrong.
        hint: what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@cache
def messages() -> Console:
    """Return the console for people, on stderr."""
    return _console(stderr=True)


@cache
def output() -> Console:
    """Return the console for what a command was asked for, on stdout."""
    return _console(stderr=False)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    # Without a terminal Rich assumes 80 columns, and wraps what a log would rather keep on one line.
    return (
        console
        if console.is_terminal
        else Console(stderr=stderr, highlight=False, width=_PLAIN_WIDTH)
    )


def print_failure(message: str, hint: str = "") -> None:
    """Print an error, and what to do about it, as every command does."""
    messages().print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
    if hint:
        messages().print(Text.assemble(("hint: ", "bold cyan"), hint), soft_wrap=True)


class ErrorReportingGroup(TyperGroup):
    """Ends a command that failed for a reason fit for the user with that reason instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:  # click's own signature, which Typer does not export
        """Run the chosen command."""
        import botocore.exceptions

        try:
            return super().invoke(ctx)
        except CommandFailed as error:
            print_failure(str(error), error.hint)
        except OutcropError as error:
            print_failure(str(error))
        except botocore.exceptions.EndpointConnectionError as error:
            print_failure(str(error), "is the server still running? `outcrop doctor` tells")
        except botocore.exceptions.ClientError as error:
            print_failure(refusal(error))
        raise typer.Exit(1)


def refusal(error: Any) -> str:  # a ClientError; botocore has no types
    """Return what the server said, without botocore's frame around it."""
    details = error.response.get("Error", {})
    return f"{details.get('Message') or error} ({details.get('Code', 'unknown')})"


def duration(seconds: float) -> str:
    """Return a time span as people say it: 3.2 s, 48 s, 2 min 05 s, 1 h 02 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count_bytes: float) -> str:
    """Return a number of bytes in the unit that fits."""
    for unit in ("B", "KiB", "MiB"):
        if count_bytes < 1024:
            return f"{count_bytes:.0f} {unit}"
        count_bytes /= 1024
    return f"{count_bytes:.1f} GiB"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: 1 example, 2 examples, 1,000 examples."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
