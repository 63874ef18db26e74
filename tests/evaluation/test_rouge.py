"""ROUGE-L agrees with the package whose figures papers report."""

import random

import pytest
from rouge_score.rouge_scorer import RougeScorer

from outcrop.evaluation.rouge import Reference, longest_common_subsequence, rouge_l, tokenize

SENTENCES = [
    "#Person1# has a reservation and takes VISA. #Person2# takes only MasterCard and VISA.",
    "Mr. Smith's getting a check-up, and Doctor Hawkins advises him to have one every year.",
    "The doctor advises him to come at least once a year for a check-up.",
    "It's 5 o'clock; the café — naïve as ever — costs $3.50, doesn't it?",
    "İstanbul'da 12 ﬁsh ßtraße 東京",
    "the the the cat the the",
    "!!! ... ---",
    "",
]


@pytest.fixture(scope="module")
def oracle() -> RougeScorer:
    return RougeScorer(["rougeL"], use_stemmer=False)


@pytest.mark.parametrize("reference", SENTENCES)
@pytest.mark.parametrize("answer", SENTENCES)
def test_sentences_score_as_in_the_rouge_score_package(
    oracle: RougeScorer, reference: str, answer: str
) -> None:
    expected = oracle.score(reference, answer)["rougeL"].fmeasure
    assert rouge_l(reference, answer) == pytest.approx(expected, abs=1e-12)


def test_random_word_lists_score_as_in_the_rouge_score_package(oracle: RougeScorer) -> None:
    draw = random.Random(7)
    for _ in range(300):
        vocabulary = [f"w{index}" for index in range(draw.randint(1, 30))]
        reference = " ".join(draw.choices(vocabulary, k=draw.randint(0, 90)))
        answer = " ".join(draw.choices(vocabulary, k=draw.randint(0, 90)))
        expected = oracle.score(reference, answer)["rougeL"].fmeasure
        assert rouge_l(reference, answer) == pytest.approx(expected, abs=1e-12)


def test_the_subsequence_keeps_the_order_of_words() -> None:
    reference = Reference.of("a b c d e")
    assert longest_common_subsequence(reference, tokenize("e d c b a")) == 1
    assert longest_common_subsequence(reference, tokenize("x a y c z e")) == 3
