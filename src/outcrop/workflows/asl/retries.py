"""Which entry of Retry or Catch takes an error, and how long a retry waits."""

from __future__ import annotations

from collections.abc import Mapping

from outcrop.workflows.asl.machine import Catcher, Retrier, State


def retrier_for(state: State, error: str, counts: Mapping[int, int]) -> Retrier | None:
    """Return the entry of Retry that takes an error and has tries left.

    Args:
        counts: how often each entry, by its index, was used since the state was entered.
    """
    raise NotImplementedError(state, error, counts)


def catcher_for(state: State, error: str) -> Catcher | None:
    """Return the first entry of Catch that takes an error."""
    raise NotImplementedError(state, error)


def retry_delay_seconds(retrier: Retrier, attempt: int, random: float) -> float:
    """Return the pause before a retry.

    Args:
        attempt: 0 for the first retry by this entry.
        random: a draw from [0, 1), used where the entry asks for jitter.
    """
    raise NotImplementedError(retrier, attempt, random)
