"""Splitting one file of examples so that what is held out is really unseen.

Examples whose prompts are the same, or nearly the same, stay on one side together; which side follows from a hash
of the text, so that the same file always splits the same way, in whatever order its lines come.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from outcrop.evaluation.rouge import tokenize

# Two prompts are near-identical when they share half of the shorter one's runs of five words.
_RUN_WORDS = 5
_SHARED_SHARE = 0.5
# A run in more than this share of the prompts is an instruction, and says nothing about likeness.
_INSTRUCTION_SHARE = 0.02
_INSTRUCTION_FLOOR = 20


@dataclass(frozen=True, slots=True)
class Split:
    """Indices of the examples on each side, ascending.

    Attributes:
        kept: the larger side, to train on.
        held_out: the smaller side.
        groups: how many groups of like examples there were; equal to the number of examples when all differ.
    """

    kept: tuple[int, ...]
    held_out: tuple[int, ...]
    groups: int


def split(prompts: Sequence[str], held_out: int, salt: str = "") -> Split:
    """Choose which examples to hold out.

    Args:
        prompts: everything the model is given, one text an example.
        held_out: how many examples to hold out; fewer where groups of like examples do not fit.
        salt: another salt gives another, independent choice.
    """
    groups = group_alike(prompts)
    # The group's smallest text stands for it, so that the order of the lines does not matter.
    ordered = sorted(
        groups, key=lambda group: _digest(salt, min(prompts[index] for index in group))
    )
    chosen: list[int] = []
    for group in ordered:
        if len(chosen) + len(group) <= held_out:
            chosen += group
    taken = set(chosen)
    kept = tuple(index for index in range(len(prompts)) if index not in taken)
    return Split(kept, tuple(sorted(chosen)), len(groups))


def group_alike(prompts: Sequence[str]) -> list[list[int]]:
    """Return groups of indices of same or near-identical prompts; most groups have one member."""
    words = [tokenize(prompt) for prompt in prompts]
    parents = list(range(len(prompts)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    first_with: dict[str, int] = {}
    for index, tokens in enumerate(words):
        text = " ".join(tokens) or prompts[index]
        parents[root(index)] = root(first_with.setdefault(text, index))
    for left, right in _near_identical(words):
        parents[root(left)] = root(right)
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(prompts)):
        groups[root(index)].append(index)
    return list(groups.values())


def _near_identical(words: Sequence[Sequence[str]]) -> Iterable[tuple[int, int]]:
    """Yield pairs of prompts that share at least half of the shorter one's distinctive runs of words."""
    runs = [set(map(hash, zip(*_shifted(tokens), strict=False))) for tokens in words]
    frequency = Counter(run for own in runs for run in own)
    limit = max(_INSTRUCTION_FLOOR, int(_INSTRUCTION_SHARE * len(words)))
    distinctive = [{run for run in own if frequency[run] <= limit} for own in runs]
    holders: dict[int, list[int]] = defaultdict(list)
    for index, own in enumerate(distinctive):
        shared = Counter(other for run in own for other in holders[run])
        for other, count in shared.items():
            if count >= _SHARED_SHARE * min(len(own), len(distinctive[other])):
                yield index, other
        for run in own:
            if frequency[run] > 1:
                holders[run].append(index)


def _shifted(tokens: Sequence[str]) -> list[Sequence[str]]:
    return [tokens[offset:] for offset in range(_RUN_WORDS)]


def _digest(salt: str, text: str) -> bytes:
    return hashlib.sha256(f"{salt}\0{text}".encode()).digest()
