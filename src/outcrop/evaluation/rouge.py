"""ROUGE-L: how much of a reference's wording, in its order, an answer has.

Tokens are runs of ASCII letters and digits in lower case, without stemming, as in Google's rouge-score package
(whose figures most papers report); a test holds the two equal.

Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Reference:
    """A text prepared for comparisons with many answers.

    Attributes:
        length: number of its tokens.
        places: token → bit mask of the places where it stands, the first place being the lowest bit.
    """

    length: int
    places: dict[str, int]

    @classmethod
    def of(cls, text: str) -> "Reference":
        """Prepare a text."""
        tokens = tokenize(text)
        places: dict[str, int] = {}
        for index, token in enumerate(tokens):
            places[token] = places.get(token, 0) | 1 << index
        return cls(len(tokens), places)


def tokenize(text: str) -> list[str]:
    """Return the words of a text that ROUGE counts; other characters only separate them."""
    return _TOKEN.findall(text.lower())


def rouge_l(reference: str, answer: str) -> float:
    """Return the ROUGE-L F1 of an answer, from 0 (nothing shared) to 1 (the same words in the same order)."""
    return score(Reference.of(reference), tokenize(answer))


def score(reference: Reference, answer: Sequence[str]) -> float:
    """Return the ROUGE-L F1 of a tokenized answer against a prepared reference."""
    if not reference.length or not answer:
        return 0.0
    # With precision c/a and recall c/r, their harmonic mean is 2c/(a+r).
    shared = longest_common_subsequence(reference, answer)
    return 2 * shared / (reference.length + len(answer))


def longest_common_subsequence(reference: Reference, answer: Iterable[str]) -> int:
    """Return how many tokens the longest common subsequence has.

    One row of the usual table is one integer: bit i is 0 where the row rises at column i, so a row costs three
    big-integer operations instead of a loop over the reference.

    Source: Hyyrö 2004, "Bit-parallel LCS-length computation revisited", figure 4.
    """
    full = (1 << reference.length) - 1
    row = full
    for token in answer:
        matches = row & reference.places.get(token, 0)
        row = (row + matches | row - matches) & full
    return reference.length - row.bit_count()
