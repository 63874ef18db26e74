"""How states fail: the error that Retry and Catch see, and where in the history it came from."""

from outcrop.workflows.asl.errors import StatesError

TIMEOUT = "States.Timeout"
RUNTIME = "States.Runtime"
TASK_FAILED = "States.TaskFailed"


class StateFailed(Exception):
    """A state, or a whole machine, came to an error.

    Attributes:
        error: name, None for a Fail state without one.
        cause: text, or None.
        previous: id of the event that what follows refers to.
    """

    def __init__(self, error: str | None, cause: str | None, previous: int) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.previous = previous


def cause_in(state_name: str, entered_id: int, text: str) -> str:
    """Return a cause with AWS's opening words, unless it has them."""
    if text.startswith("An error occurred while executing the state"):
        return text
    return (
        f"An error occurred while executing the state '{state_name}' "
        f"(entered at the event id #{entered_id}). {text}"
    )


def runtime_error(text: str) -> StatesError:
    """Return a failure of the language itself that no catch-all takes."""
    return StatesError(RUNTIME, text)
