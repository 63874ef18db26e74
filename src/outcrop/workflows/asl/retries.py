"""Which entry of Retry or Catch takes an error, and how long a retry waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from outcrop.workflows.asl.errors import RUNTIME
from outcrop.workflows.asl.machine import Catcher, Retrier, State

ALL: Final = "States.ALL"
TASK_FAILED: Final = "States.TaskFailed"
TIMEOUT: Final = "States.Timeout"
HEARTBEAT_TIMEOUT: Final = "States.HeartbeatTimeout"


def _takes(names: tuple[str, ...], error: str) -> bool:
    """Return whether a list of error names takes an error.

    States.Runtime ends every execution, whatever stands in Retry and Catch. States.TaskFailed
    takes every error but States.Timeout, which also stands for the missing heartbeat.
    """
    if error == RUNTIME:
        return False
    if error in names or ALL in names:
        return True
    if error == HEARTBEAT_TIMEOUT and TIMEOUT in names:
        return True
    return TASK_FAILED in names and error != TIMEOUT


def retrier_for(state: State, error: str, counts: Mapping[int, int]) -> Retrier | None:
    """Return the entry of Retry that takes an error and has tries left.

    The first entry that names the error decides, even where its tries are used up.

    Args:
        counts: how often each entry, by its index, was used since the state was entered.
    """
    for retrier in state.retriers:
        if _takes(retrier.error_equals, error):
            return retrier if counts.get(retrier.index, 0) < retrier.max_attempts else None
    return None


def catcher_for(state: State, error: str) -> Catcher | None:
    """Return the first entry of Catch that takes an error."""
    for catcher in state.catchers:
        if _takes(catcher.error_equals, error):
            return catcher
    return None


def retry_delay_seconds(retrier: Retrier, attempt: int, random: float) -> float:
    """Return the pause before a retry.

    Args:
        attempt: 0 for the first retry by this entry.
        random: a draw from [0, 1), used where the entry asks for jitter.
    """
    ceiling = float(retrier.max_delay_seconds or 31_622_400)
    try:
        delay = min(retrier.interval_seconds * retrier.backoff_rate**attempt, ceiling)
    except OverflowError:
        delay = ceiling
    return delay * random if retrier.has_jitter else delay
