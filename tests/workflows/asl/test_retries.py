"""Which entry of Retry or Catch takes an error, and how long a retry waits."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.workflows.asl.data_flow import catcher_for, retrier_for, retry_delay_seconds
from outcrop.workflows.asl.definition import parse_definition
from outcrop.workflows.asl.machine import Retrier, State


def task(**fields: Any) -> State:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
        **fields,
    }
    definition = {
        "StartAt": "T",
        "States": {"T": {**state, "Next": "Z"}, "Z": {"Type": "Succeed"}},
    }
    return parse_definition(json.dumps(definition)).states["T"]


@pytest.mark.parametrize(
    ("names", "taken", "left"),
    [
        (["States.ALL"], ["Custom", "States.Timeout", "States.DataLimitExceeded"], ["States.Runtime"]),
        (["States.TaskFailed"], ["Custom", "States.HeartbeatTimeout", "Lambda.Unknown"],
         ["States.Timeout", "States.Runtime"]),
        (["States.Timeout"], ["States.Timeout", "States.HeartbeatTimeout"], ["Custom"]),
        (["States.HeartbeatTimeout"], ["States.HeartbeatTimeout"], ["States.Timeout"]),
        (["A", "B"], ["A", "B"], ["C", "a"]),
        (["States.Runtime"], [], ["States.Runtime"]),
    ],
)  # fmt: skip
def test_a_list_of_names_takes_its_errors(
    names: list[str], taken: list[str], left: list[str]
) -> None:
    state = task(
        Retry=[{"ErrorEquals": names}],
        Catch=[{"ErrorEquals": names, "Next": "Z"}],
    )
    for error in taken:
        assert retrier_for(state, error, {}) is state.retriers[0]
        assert catcher_for(state, error) is state.catchers[0]
    for error in left:
        assert retrier_for(state, error, {}) is None
        assert catcher_for(state, error) is None


def test_the_first_entry_that_names_an_error_decides_and_counts_for_itself() -> None:
    state = task(
        Retry=[
            {"ErrorEquals": ["A"], "MaxAttempts": 1},
            {"ErrorEquals": ["B"], "MaxAttempts": 0},
            {"ErrorEquals": ["States.ALL"], "MaxAttempts": 2},
        ]
    )
    first, _, last = state.retriers
    assert retrier_for(state, "A", {}) is first
    assert retrier_for(state, "A", {0: 1}) is None
    assert retrier_for(state, "B", {}) is None
    assert retrier_for(state, "C", {0: 1, 2: 1}) is last
    assert retrier_for(state, "C", {2: 2}) is None


def test_an_entry_without_numbers_has_those_of_the_language() -> None:
    (retrier,) = task(Retry=[{"ErrorEquals": ["A"]}]).retriers
    assert (retrier.interval_seconds, retrier.max_attempts, retrier.backoff_rate) == (1, 3, 2.0)
    assert (retrier.max_delay_seconds, retrier.has_jitter) == (None, False)


def test_pauses_grow_by_the_rate_up_to_the_longest() -> None:
    (retrier,) = task(
        Retry=[
            {"ErrorEquals": ["A"], "IntervalSeconds": 3, "BackoffRate": 1.5, "MaxDelaySeconds": 6}
        ]
    ).retriers
    assert [retry_delay_seconds(retrier, n, 0.1) for n in range(4)] == [3, 4.5, 6, 6]


def test_full_jitter_draws_the_pause_from_zero_to_its_length() -> None:
    (retrier,) = task(
        Retry=[{"ErrorEquals": ["A"], "IntervalSeconds": 4, "JitterStrategy": "FULL"}]
    ).retriers
    assert retry_delay_seconds(retrier, 1, 0.0) == 0
    assert retry_delay_seconds(retrier, 1, 0.25) == 2


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 99_999_999),
    st.floats(1, 1e6),
    st.integers(1, 31_622_400),
    st.integers(0, 5000),
    st.floats(0, 1, exclude_max=True),
    st.booleans(),
)
def test_no_pause_is_longer_than_the_longest(  # noqa: PLR0917
    interval: int,
    rate: float,
    longest: int,
    attempt: int,
    draw: float,
    has_jitter: bool,
) -> None:
    retrier = Retrier(
        index=0,
        error_equals=("A",),
        interval_seconds=interval,
        backoff_rate=rate,
        max_delay_seconds=longest,
        has_jitter=has_jitter,
    )
    assert 0 <= retry_delay_seconds(retrier, attempt, draw) <= longest
