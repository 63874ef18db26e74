"""Advice follows from what a run has shown."""

from dataclasses import replace

from outcrop.evaluation.advice import Evidence, what_next
from outcrop.evaluation.comparison import Comparison, ExampleScore, Measure, Verdict
from outcrop.evaluation.significance import Interval

CALM = Evidence(
    epoch_losses=[2.0, 1.2, 1.19],
    validation_losses=[3.0, 2.0, 1.5, 1.49],
    training_examples=900,
    set_aside=0,
    learning_rate=1e-3,
    epochs=3,
    keeps_best=True,
)


def comparison(
    verdict: Verdict, rouge: float = 0.1, content: float = 0.1, examples: int = 100
) -> Comparison:
    def measure(difference: float) -> Measure:
        interval = Interval(difference, difference - 0.05, difference + 0.05)
        return Measure(0.1, 0.1 + difference, interval)

    scores = tuple(ExampleScore(0.1, 0.2) for _ in range(examples))
    return Comparison(verdict, "so", measure(rouge), measure(content), measure(-1.0), scores)


BETTER = comparison(Verdict.BETTER)


def test_a_loss_that_still_falls_asks_for_more_epochs() -> None:
    advice = what_next(BETTER, replace(CALM, validation_losses=[3.0, 2.0, 1.5, 1.2]))
    assert "--epochs 4" in advice[0]


def test_a_validation_loss_that_rises_asks_for_fewer_epochs_or_a_lower_rate() -> None:
    rising = replace(CALM, validation_losses=[3.0, 1.5, 1.8, 2.0])
    assert "after epoch 1 and rose" in what_next(BETTER, rising)[0]
    assert "were kept" in what_next(BETTER, rising)[0]
    assert "train for 1" in what_next(BETTER, replace(rising, keeps_best=False))[0]


def test_a_training_loss_that_jumps_asks_for_a_lower_rate() -> None:
    assert "0.0003" in what_next(BETTER, replace(CALM, epoch_losses=[2.0, 4.0, 3.0]))[0]


def test_style_without_content_points_at_the_pairs() -> None:
    advice = what_next(comparison(Verdict.NO_DIFFERENCE, rouge=0.2, content=0.0), CALM)
    assert any("belongs to its prompt" in line for line in advice)


def test_few_held_out_examples_are_named_when_they_decide_nothing() -> None:
    advice = what_next(comparison(Verdict.NO_DIFFERENCE, rouge=0.0, examples=30), CALM)
    assert any("30 held-out examples leave a wide interval" in line for line in advice)


def test_examples_that_were_set_aside_are_remembered() -> None:
    assert any("did not fit" in line for line in what_next(BETTER, replace(CALM, set_aside=3)))


def test_a_calm_run_that_won_is_told_to_go_on_and_one_that_did_not_is_never_left_alone() -> None:
    assert what_next(BETTER, CALM) == [
        "The result stands: deploy it, and compare the next version with this one."
    ]
    assert what_next(comparison(Verdict.NO_DIFFERENCE, rouge=0.0), CALM)
