"""What goes wrong while a state works, under the names and in the words of Step Functions."""

from __future__ import annotations

RUNTIME = "States.Runtime"
QUERY_EVALUATION = "States.QueryEvaluationError"
DATA_LIMIT = "States.DataLimitExceeded"
NO_CHOICE = "States.NoChoiceMatched"
INTRINSIC = "States.IntrinsicFailure"
PARAMETER_PATH = "States.ParameterPathFailure"
RESULT_PATH = "States.ResultPathMatchFailure"


class StatesError(Exception):
    """A failure inside the language itself, as opposed to one of a called service.

    Attributes:
        error: the error's name, which Retry and Catch match.
        cause: the whole text as AWS puts it into histories, the opening words about the state
            and the id of its entering event included where AWS writes them.
        location: the field at fault ("Output/total"); only evaluation of JSONata names one.
        is_evaluation: true where the history gets an EvaluationFailed event (error, cause,
            location, state) before the failure is retried, caught or ends the execution.
        is_terminal: true where AWS ends the execution although a Catch for States.ALL stands
            there (States.Runtime and States.DataLimitExceeded are not matched by States.ALL;
            `retrier_for` and `catcher_for` know this, so it is for information).
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
        """Whether a catch-all leaves this error alone."""
        return self.error in {RUNTIME, DATA_LIMIT}
