"""Learning rate and early stopping."""

import pytest

from outcrop.training.worker.schedule import EarlyStopping, learning_rate


def test_the_rate_rises_to_its_peak_and_falls_to_almost_nothing() -> None:
    rates = [learning_rate(step, 10, 1.0, 4) for step in range(1, 11)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4:] == pytest.approx([1.0, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


def test_a_run_shorter_than_its_warm_up_only_rises() -> None:
    assert [learning_rate(step, 3, 1.0, 10) for step in (1, 2, 3)] == pytest.approx([0.1, 0.2, 0.3])


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    assert learning_rate(1, 5, 2.0, 0) == 2.0


def test_training_ends_after_patience_and_keeps_the_best_weights() -> None:
    stopping = EarlyStopping(threshold=0.1, patience=2)
    stopping.start(3.0)
    assert stopping.observe(10, 2.0)
    assert stopping.observe(20, 1.95)  # better, yet by less than the threshold
    assert not stopping.is_over
    assert not stopping.observe(30, 2.5)
    assert stopping.is_over
    assert (stopping.best_step, stopping.best_loss) == (20, 1.95)


def test_progress_resets_patience() -> None:
    stopping = EarlyStopping(threshold=0.1, patience=2)
    stopping.start(3.0)
    for step, loss in enumerate((3.0, 2.5, 2.5, 2.0, 2.0), start=1):
        stopping.observe(step, loss)
        assert not stopping.is_over


def test_training_that_never_beats_the_base_ends_too() -> None:
    stopping = EarlyStopping(threshold=0.0, patience=2)
    stopping.start(1.0)
    stopping.observe(1, 1.5)
    stopping.observe(2, 1.4)
    assert stopping.is_over
    assert stopping.best_step == 2
