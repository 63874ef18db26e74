"""Random questions, put to both evaluators: they share no code and must always agree."""

from collections import Counter
from random import Random

import pytest

from identity.policy.asking import ask
from identity.policy.drawn_policies import draw_question
from identity.policy.naive import judge

DRAWS = 6_000
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_two_evaluators_agree_on_random_policies(part: int) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(part, DRAWS, PARTS):
        question = draw_question(Random(seed))
        naive = judge(question)
        assert ask(question).kind.value == naive, f"seed {seed}: {question}"
        outcomes[naive] += 1
    # Agreement on denials alone would say little.
    assert min(outcomes[kind] for kind in ("allowed", "implicitDeny", "explicitDeny")) > DRAWS // 80
