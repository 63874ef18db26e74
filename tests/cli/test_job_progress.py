"""Progress follows the worker's metrics, restarts included."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outcrop.cli.job_progress import Moment, Steps

START = datetime(2026, 1, 1, tzinfo=UTC)


def step(number: int, loss: float, seconds: float) -> dict[str, Any]:
    time = (START + timedelta(seconds=seconds)).isoformat()
    return {"event": "step", "step": number, "loss": loss, "tokens": 1000, "time": time}


def run_of(count: int) -> Steps:
    steps = Steps()
    steps.take({"event": "dataset", "steps_per_epoch": 10, "total_steps": 40})
    for number in range(1, count + 1):
        steps.take(step(number, 4.0 - number / 10, number * 0.5))
    return steps


def test_the_bar_knows_steps_epochs_speed_and_what_is_left() -> None:
    steps = run_of(12)
    assert (steps.done, steps.total) == (12, 40)
    assert (steps.epoch, steps.epochs) == (2, 4)
    assert steps.tokens_per_second == pytest.approx(2000)
    assert steps.seconds_left == pytest.approx(14)
    assert steps.loss == pytest.approx(sum(4 - n / 10 for n in range(1, 13)) / 12)


def test_before_the_first_steps_nothing_is_guessed() -> None:
    steps = Steps()
    assert steps.loss is None
    assert steps.seconds_left is None
    assert steps.tokens_per_second is None


def test_a_resumed_run_forgets_the_steps_that_are_made_again() -> None:
    steps = run_of(12)
    steps.take({"event": "resumed", "step": 10})
    assert (steps.done, steps.restarts) == (10, 1)
    steps.take(step(11, 1.0, 100))
    assert steps.losses[-1] == (11, 1.0)
    assert len(steps.losses) == 11


def moment(**job: object) -> Moment:
    return Moment({"jobArn": "arn", **job}, Steps(), 1.0)  # type: ignore[typeddict-item]


def test_phases_are_said_in_words() -> None:
    started = {"status": "InProgress"}
    waiting = {"status": "NotStarted"}
    assert moment(status="InProgress").phase == "waiting for its turn"
    assert (
        moment(status="InProgress", statusDetails={"validationDetails": started}).phase
        == "checking the data"
    )
    details = {
        "validationDetails": {"status": "Completed"},
        "dataProcessingDetails": {"status": "Completed"},
        "trainingDetails": started,
    }
    assert moment(status="InProgress", statusDetails=details).phase == "training"
    assert (
        moment(status="InProgress", statusDetails={**details, "trainingDetails": waiting}).phase
        == "tokenizing"
    )
    ended = moment(status="Failed", statusDetails=details)
    assert (ended.phase, ended.has_ended) == ("failed", True)
