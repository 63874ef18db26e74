"""What is held out is unseen: like prompts stay together, and the choice does not depend on the order."""

import random

from outcrop.evaluation.splits import group_alike, split

WORDS = [f"word{index}" for index in range(400)]


def prompts(count: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [
        "Summarize the following conversation.\n" + " ".join(draw.choices(WORDS, k=60))
        for _ in range(count)
    ]


def test_a_tenth_is_held_out_and_every_example_is_on_one_side() -> None:
    result = split(prompts(300), 30)
    assert len(result.held_out) == 30
    assert sorted(result.kept + result.held_out) == list(range(300))
    assert result.groups == 300


def test_the_split_does_not_depend_on_the_order_of_the_lines() -> None:
    texts = prompts(200)
    shuffled = random.Random(4).sample(texts, 200)
    first = {texts[index] for index in split(texts, 20).held_out}
    second = {shuffled[index] for index in split(shuffled, 20).held_out}
    assert first == second


def test_another_salt_is_another_choice() -> None:
    texts = prompts(200)
    assert split(texts, 20).held_out != split(texts, 20, salt="validation").held_out


def test_copies_and_near_copies_never_straddle_the_split() -> None:
    draw = random.Random(2)
    originals = prompts(100)
    copies = [text.upper() + "!" for text in originals[:40]]
    near = []
    for text in originals[40:80]:
        words = text.split()
        words[draw.randrange(10, 50)] = "changed"
        near.append(" ".join(words))
    texts = originals + copies + near
    held_out = set(split(texts, 18).held_out)
    assert len(held_out) >= 17
    for index in range(40):
        assert (index in held_out) == (100 + index in held_out)
    for index in range(40, 80):
        assert (index in held_out) == (100 + index in held_out)


def test_a_shared_instruction_does_not_make_prompts_alike() -> None:
    instruction = "You are a helpful assistant who answers every question in one short sentence. "
    texts = [instruction + f"{index} " + text for index, text in enumerate(prompts(150))]
    assert len(group_alike(texts)) == 150


def test_short_prompts_are_alike_only_when_their_words_are_the_same() -> None:
    assert group_alike(["Hello!", "hello", "Goodbye", "?", "!"]) == [[0, 1], [2], [3], [4]]
