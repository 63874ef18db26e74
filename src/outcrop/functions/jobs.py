"""One event on its way through a process, and how that ended."""

from collections.abc import Callable
from dataclasses import dataclass, field

from outcrop.functions import records
from outcrop.functions.code import OnLog


@dataclass(slots=True)
class Job:
    """One event on its way to a process.

    Attributes:
        tail: keeps the end of the log, where that was asked for.
    """

    request_id: str
    payload: bytes = field(repr=False)
    invoked_arn: str = ""
    client_context: str = field(default="", repr=False)
    trace_id: str = ""
    on_log: OnLog | None = None
    tail: records.Tail | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: the answer or the error's payload, and what was measured."""

    payload: bytes = field(repr=False)
    measured: records.Measured

    @property
    def is_error(self) -> bool:
        """Whether the payload describes an error."""
        return self.measured.status != "success"


@dataclass(frozen=True, slots=True)
class FailedStart:
    """Why a process never got ready; the function's fault.

    Attributes:
        make_payload: request id → the error's payload.
        status: "error" or "timeout".
        events: what was logged, as (milliseconds, text).
        log_stream: where it belongs.
    """

    make_payload: Callable[[str], bytes]
    error_type: str
    status: str
    duration_ms: float
    events: tuple[tuple[int, str], ...] = ()
    log_stream: str = ""
