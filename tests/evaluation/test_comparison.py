"""Verdicts: who wins, who does not, and why."""

import random
from collections.abc import Callable

import pytest

from outcrop.evaluation.comparison import Likelihood, Response, Verdict, compare, decide
from outcrop.evaluation.significance import Interval

NAMES = ["Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ivo", "Jo"]
THINGS = ["boat", "lamp", "chair", "ticket", "dog", "phone", "coat", "cake", "drum", "map"]
REFERENCES = [
    f"{name} would like to buy a {thing} and asks {other} for help."
    for name, thing, other in zip(
        NAMES * 6, THINGS * 3 + THINGS[::-1] * 3, NAMES[3:] * 9, strict=False
    )
]


def responses(answer: Callable[[int], str], loss: float = 2.0) -> list[Response]:
    return [Response(answer(index), Likelihood(-loss * 12, 12)) for index in range(len(REFERENCES))]


def rambling(index: int) -> str:
    return f"I do not know what to say about {NAMES[index % 10]} today, sorry."


def test_answers_near_their_own_references_are_better() -> None:
    result = compare(REFERENCES, responses(rambling, 4.0), responses(lambda i: REFERENCES[i], 1.0))
    assert result.verdict is Verdict.BETTER
    assert result.rouge.custom == 1.0
    assert result.loss is not None
    assert result.loss.difference.mean == pytest.approx(-3.0)
    assert all(example.gain > 0 for example in result.scores)


def test_the_same_answers_are_no_difference() -> None:
    result = compare(REFERENCES, responses(rambling), responses(rambling))
    assert result.verdict is Verdict.NO_DIFFERENCE
    assert result.rouge.difference.mean == 0


def test_references_shuffled_among_the_prompts_gain_style_but_are_no_difference() -> None:
    shuffled = random.Random(1).sample(REFERENCES, len(REFERENCES))
    result = compare(REFERENCES, responses(rambling), responses(lambda i: shuffled[i]))
    assert result.rouge.difference.is_above_zero
    assert not result.content.difference.is_above_zero
    assert result.verdict is Verdict.NO_DIFFERENCE
    assert "style" in result.reason


def test_one_good_answer_for_every_prompt_is_no_difference() -> None:
    result = compare(REFERENCES, responses(rambling), responses(lambda _: REFERENCES[0]))
    assert result.rouge.difference.is_above_zero
    assert result.verdict is Verdict.NO_DIFFERENCE


def test_answers_that_lost_their_references_are_worse() -> None:
    result = compare(REFERENCES, responses(lambda i: REFERENCES[i]), responses(rambling))
    assert result.verdict is Verdict.WORSE


def test_few_examples_never_win() -> None:
    clear = Interval(0.5, 0.4, 0.6)
    assert decide(clear, clear, 9)[0] is Verdict.NO_DIFFERENCE
    assert decide(clear, clear, 10)[0] is Verdict.BETTER


def test_a_model_that_samples_rarely_wins_against_itself() -> None:
    """Each side answers with random parts of the reference: the same quality, other noise."""
    draw = random.Random(9)

    def sampled(index: int) -> str:
        words = REFERENCES[index].split()
        return " ".join(word for word in words if draw.random() < 0.6)

    wins = 0
    for seed in range(100):
        some = draw.sample(range(len(REFERENCES)), 40)
        references = [REFERENCES[index] for index in some]
        first = [Response(sampled(index)) for index in some]
        second = [Response(sampled(index)) for index in some]
        wins += compare(references, first, second, seed=seed).verdict is Verdict.BETTER
    assert wins <= 5


def test_without_likelihoods_the_verdict_stands_and_no_loss_is_claimed() -> None:
    base = [Response(rambling(index)) for index in range(len(REFERENCES))]
    custom = [Response(text) for text in REFERENCES]
    result = compare(REFERENCES, base, custom)
    assert result.verdict is Verdict.BETTER
    assert result.loss is None
