"""What goes wrong while a state works, under the names and in the words of Step Functions."""

from __future__ import annotations

from typing import Final

RUNTIME: Final = "States.Runtime"
QUERY_EVALUATION: Final = "States.QueryEvaluationError"
DATA_LIMIT: Final = "States.DataLimitExceeded"
INTRINSIC: Final = "States.IntrinsicFailure"
RESULT_PATH: Final = "States.ResultPathMatchFailure"


class StatesError(Exception):
    """A failure inside the language itself, as opposed to one of a called service.

    Attributes:
        error: the error's name, which Retry and Catch match.
        cause: the whole text as AWS puts it into histories, the opening words about the state
            and the id of its entering event included where AWS writes them.
        location: the field at fault ("Output/total"); only evaluation of JSONata names one.
        state: the state's name, for EvaluationFailed.
        is_evaluation: true where the history gets an EvaluationFailed event (error, cause,
            location, state) before the failure is retried, caught or ends the execution.
    """

    def __init__(
        self,
        error: str,
        cause: str,
        location: str = "",
        *,
        state: str = "",
        is_evaluation: bool = False,
    ) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.location = location
        self.state = state
        self.is_evaluation = is_evaluation

    @property
    def is_terminal(self) -> bool:
        """Whether no Retry and no Catch takes this error: the execution ends."""
        return self.error == RUNTIME


class Problem(Exception):
    """A failure of an expression that does not know yet in which state it stands.

    `data_flow` turns it into a StatesError whose cause opens with the state's name.
    """

    def __init__(self, error: str, tail: str, location: str = "") -> None:
        super().__init__(tail)
        self.error = error
        self.tail = tail
        self.location = location

    def in_state(self, name: str, entered_event_id: int) -> StatesError:
        """Return the error as the history tells it."""
        return StatesError(
            self.error,
            f"An error occurred while executing the state '{name}' "
            f"(entered at the event id #{entered_event_id}). {self.tail}",
            self.location,
            state=name,
            is_evaluation=self.error == QUERY_EVALUATION,
        )
