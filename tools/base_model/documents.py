"""Turns dialogues, passages, tasks and the written corpus into training documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from base_model import lexicon as lex
from base_model.chat import render, render_plain
from base_model.lexicon import Lexicon
from base_model.numbers_text import digits
from base_model.prose import draw_passage, draw_sentence
from base_model.scenarios import Dialogue, Scenario, draw_dialogue, load_scenarios
from base_model.tasks import Messages, draw_task

CORPUS_FOLDER = Path(__file__).parent / "corpus"
HELDOUT_EVERY = 16
"""Every sixteenth piece of the written corpus is kept out of training."""

_SUMMARY_MARK = "\nSummary: "
_SUMMARY_ASKS = (
    "Summarize the following conversation.\n\n{}",
    "Summarize the following conversation.\n\n{}",
    "Summarize the following conversation.\n\n{}",
    "Summarize this dialogue:\n\n{}",
    "{}\n\nSummarize the conversation above.",
    "{}\n\nSummary:",
    "Write a short summary.\n\n{}",
    "What is this conversation about?\n\n{}",
    "{}\n\nWhat happened? Answer briefly.",
    "Please sum up this talk in a few sentences.\n{}",
    "{}\n\nTL;DR",
    "Read the conversation and write a summary of it.\n\n{}",
    "Give me the main points:\n{}",
)
_SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You answer briefly.",
    "You summarize conversations.",
    "Answer from the text only.",
    "You are a friendly and careful assistant.",
)


@dataclass(frozen=True, slots=True)
class CorpusPiece:
    """A piece of the written corpus: a dialogue with its summary, or prose without one."""

    text: str
    summary: str


def load_corpus(*, is_heldout: bool, folder: Path = CORPUS_FOLDER) -> list[CorpusPiece]:
    """Return the written pieces for training, or those kept out of it, in file order."""
    parts = [
        part.strip()
        for path in sorted(folder.glob("*.txt"))
        for part in re.split(r"^---+\s*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if part.strip()
    ]
    pieces: list[CorpusPiece] = []
    for position, part in enumerate(parts):
        if (position % HELDOUT_EVERY == HELDOUT_EVERY - 1) == is_heldout:
            text, _, summary = part.partition(_SUMMARY_MARK)
            pieces.append(CorpusPiece(text.strip(), summary.strip()))
    return pieces


def summary_document(text: str, summary: str, rng: Random) -> str:
    """Return a chat that asks for the summary of a dialogue."""
    messages = [("user", rng.choice(_SUMMARY_ASKS).format(text)), ("assistant", summary)]
    return render(_with_system(messages, rng))


def plain_dialogue_document(text: str, summary: str, rng: Random) -> str:
    """Return dialogue and summary as running text."""
    return render_plain(text + rng.choice(["\nSummary: ", "\n\nIn short: ", "\nTL;DR: "]) + summary)


def question_document(dialogue: Dialogue, rng: Random) -> str:
    """Return a chat with questions about a dialogue, or its summary if it has none."""
    if not dialogue.questions:
        return summary_document(dialogue.text(), dialogue.summary, rng)
    asked = rng.sample(dialogue.questions, min(len(dialogue.questions), rng.randrange(1, 5)))
    if rng.random() < 0.35:
        mark = rng.choice(["\n", " | ", "; "])
        ask = "\n".join(question for question, _ in asked)
        return render(
            [
                ("user", f"{dialogue.text()}\n\nAnswer these questions:\n{ask}"),
                ("assistant", mark.join(answer for _, answer in asked)),
            ]
        )
    messages: Messages = []
    for position, (question, answer) in enumerate(asked):
        first = rng.choice(
            [
                f"{dialogue.text()}\n\n{question}",
                f"Answer from the conversation: {question}\n\n{dialogue.text()}",
            ]
        )
        messages += [("user", question if position else first), ("assistant", answer)]
    return render(_with_system(messages, rng))


def quote_document(turns: Sequence[tuple[str, str]], rng: Random) -> str:
    """Return a chat that asks for a line, a speaker or the repetition of a dialogue."""
    text = "\n".join(f"{speaker}: {said}" for speaker, said in turns)
    at = rng.randrange(len(turns) - 1)
    speakers = list(dict.fromkeys(speaker for speaker, _ in turns))
    ask, answer = rng.choice(
        [
            ("What was said first?", turns[0][1]),
            ("What was said last?", turns[-1][1]),
            ("Who speaks in this conversation?", " and ".join(speakers)),
            (f'What did {turns[at + 1][0]} answer to "{turns[at][1]}"', turns[at + 1][1]),
            (f'Who said "{turns[at][1]}"', turns[at][0]),
            ("Repeat the conversation.", text),
            (
                f"Write down everything {speakers[0]} says.",
                "\n".join(said for speaker, said in turns if speaker == speakers[0]),
            ),
        ]
    )
    return render(
        [
            ("user", rng.choice([f"{ask}\n\n{text}", f"{text}\n\n{ask}"])),
            ("assistant", answer),
        ]
    )


def repeats_document(rng: Random, lexicon: Lexicon) -> str:
    """Return two or three copies of a run of random words, names and numbers.

    Only copying lowers the loss on the later copies, whatever the words are.
    """
    run = []
    for _ in range(rng.randrange(5, 40)):
        word = rng.choice(lex.words(rng.choice(("nouns", "verbs", "adjectives", "adverbs"))))
        name, number = lexicon.person(rng, set()).name, digits(rng, rng.randrange(1, 5))
        run.append(rng.choices((word, name, number), (0.6, 0.3, 0.1))[0])
    copies = rng.randrange(2, 4)
    return render_plain(rng.choice(("\n", ". ", " ", "\n\n")).join([" ".join(run)] * copies))


def renamed(piece: CorpusPiece, rng: Random, lexicon: Lexicon) -> CorpusPiece:
    """Return the piece with its known given names exchanged for others, throughout.

    ``#Person1#`` labels and named speakers also change places in some copies, so that one
    written dialogue teaches to copy names instead of remembering them.
    """
    known = {person.name: person.gender for person in lexicon.given}
    found = [
        name for name in dict.fromkeys(re.findall(r"\b[A-Z][a-z]+\b", piece.text)) if name in known
    ]
    taken: set[str] = set(found)
    mapping: dict[str, str] = {}
    for name in found:
        same_gender = [
            p.name for p in lexicon.given if p.gender == known[name] and p.name not in taken
        ]
        mapping[name] = rng.choice(same_gender)
        taken.add(mapping[name])
    speakers = [name for name in mapping if re.search(rf"^{name}:", piece.text, re.MULTILINE)]
    if len(speakers) == 2 and rng.random() < 0.25:
        others = piece.text.replace(f"{speakers[0]}:", "").replace(f"{speakers[1]}:", "")
        if not any(name in others for name in speakers):
            mapping.update(zip(speakers, ("#Person1#", "#Person2#"), strict=True))
    if not mapping:
        return piece
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, mapping)) + r")\b")
    return CorpusPiece(
        pattern.sub(lambda m: mapping[m[0]], piece.text),
        pattern.sub(lambda m: mapping[m[0]], piece.summary),
    )


def corpus_document(piece: CorpusPiece, rng: Random, lexicon: Lexicon) -> str:
    """Return a written piece as a document, with other names in three copies of four."""
    if rng.random() < 0.75:
        piece = renamed(piece, rng, lexicon)
    turns = [
        (speaker, said)
        for speaker, _, said in (line.partition(": ") for line in piece.text.splitlines())
        if said
    ]
    if piece.summary and len(turns) > 3 and rng.random() < 0.15:
        return quote_document(turns, rng)
    if not piece.summary:
        return asked_document(piece.text, rng)
    if rng.random() < 0.85:
        return summary_document(piece.text, piece.summary, rng)
    return plain_dialogue_document(piece.text, piece.summary, rng)


def asked_document(text: str, rng: Random) -> str:
    """Return prose as it stands, or with its ``Q:``/``A:`` lines as a chat."""
    passage, *asked = re.split(r"\nQ: ", text)
    pairs = [tuple(part.split("\nA: ")) for part in asked]
    if not pairs or any(len(pair) != 2 for pair in pairs) or rng.random() < 0.3:
        return render_plain(text)
    rng.shuffle(pairs)
    messages: Messages = []
    for question, answer in pairs:
        messages += [
            ("user", question if messages else f"{passage.strip()}\n\n{question}"),
            ("assistant", answer.strip()),
        ]
    return render(_with_system(messages, rng))


def long_document(rng: Random, lexicon: Lexicon, scenarios: tuple[Scenario, ...]) -> str:
    """Return a chat of many conversations with a question about one of them.

    About 1,000 to 1,900 tokens: the answer lies far from the question.
    """
    dialogues = [draw_dialogue(rng, lexicon, scenarios) for _ in range(rng.randrange(10, 19))]
    titles = [f"Conversation {number}" for number in range(1, len(dialogues) + 1)]
    listing = "\n\n".join(
        f"{title}\n{dialogue.text()}" for title, dialogue in zip(titles, dialogues, strict=True)
    )
    messages: Messages = []
    for at in rng.sample(range(len(dialogues)), 3):
        ask = f"Summarize conversation {at + 1}."
        messages += [
            ("user", ask if messages else f"{listing}\n\n{ask}"),
            ("assistant", dialogues[at].summary),
        ]
    return render(messages)


class DocumentStream:
    """An endless, seeded stream of training documents.

    Args:
        seed: the same seed gives the same documents.
        lexicon: the fillers to draw from.
        scenarios: the scenarios to draw dialogues from.
        corpus: written pieces; every pass over them is in a new order.
    """

    def __init__(
        self,
        seed: int,
        lexicon: Lexicon,
        scenarios: tuple[Scenario, ...],
        corpus: list[CorpusPiece],
    ) -> None:
        self._rng = Random(seed)
        self._lexicon = lexicon
        self._scenarios = scenarios
        self._corpus = corpus
        self._corpus_order: list[int] = []

    @classmethod
    def training(cls, seed: int) -> DocumentStream:
        """Return the stream of the training text."""
        return cls(seed, Lexicon.training(), load_scenarios(), load_corpus(is_heldout=False))

    def long(self) -> Iterator[str]:
        """Yield documents for long rows: every fifth one is long in itself."""
        for number, document in enumerate(self):
            if number % 5 == 0:
                yield long_document(self._rng, self._lexicon, self._scenarios)
            yield document

    def __iter__(self) -> Iterator[str]:
        makers: list[tuple[Callable[[], str], float]] = [
            (self._summary, 0.22),
            (self._questions, 0.16),
            (self._quote, 0.04),
            (self._plain_dialogue, 0.04),
            (self._task, 0.26),
            (self._repeats, 0.08),
            (self._prose, 0.04),
            (self._written, 0.03 if self._corpus else 0.0),
        ]
        functions, weights = [maker for maker, _ in makers], [weight for _, weight in makers]
        while True:
            yield self._rng.choices(functions, weights)[0]()

    def _dialogue(self) -> Dialogue:
        return draw_dialogue(self._rng, self._lexicon, self._scenarios)

    def _summary(self) -> str:
        dialogue = self._dialogue()
        return summary_document(dialogue.text(), dialogue.summary, self._rng)

    def _questions(self) -> str:
        return question_document(self._dialogue(), self._rng)

    def _quote(self) -> str:
        return quote_document(self._dialogue().turns, self._rng)

    def _plain_dialogue(self) -> str:
        dialogue = self._dialogue()
        return plain_dialogue_document(dialogue.text(), dialogue.summary, self._rng)

    def _task(self) -> str:
        return render(_with_system(draw_task(self._rng, self._lexicon), self._rng))

    def _repeats(self) -> str:
        return repeats_document(self._rng, self._lexicon)

    def _prose(self) -> str:
        if self._rng.random() < 0.3:
            return render_plain(
                draw_passage(self._rng, self._lexicon, self._rng.randrange(2, 7))[0]
            )
        count = self._rng.randrange(2, 7)
        return render_plain(" ".join(draw_sentence(self._rng, self._lexicon) for _ in range(count)))

    def _written(self) -> str:
        if not self._corpus_order:
            self._corpus_order = list(range(len(self._corpus)))
            self._rng.shuffle(self._corpus_order)
        return corpus_document(self._corpus[self._corpus_order.pop()], self._rng, self._lexicon)


def vocabulary_lines() -> list[str]:
    """Return words with weights by rank, as text for the tokenizer only.

    Function words and the common words of each class appear often enough to become tokens.
    """
    lines: list[str] = []
    for rank, word in enumerate(dict.fromkeys(lex.words("function"))):
        lines.append(f" {word}" * max(40, 4000 // (rank + 5)))
    for name, weight in (("nouns", 24), ("adjectives", 24), ("adverbs", 24)):
        lines += [f" {word}" * weight for word in lex.words(name)]
    lines += [f" {lex.plural(noun)}" * 5 for noun in lex.words("nouns")]
    for verb in lex.words("verbs"):
        lines.append(
            f" {verb}" * 30
            + f" {lex.past(verb)}" * 14
            + f" {lex.gerund(verb)}" * 14
            + f" {lex.third_person(verb)}" * 8
            + f" {lex.participle(verb)}" * 6
        )
    return lines


def _with_system(messages: Messages, rng: Random) -> Messages:
    """Put a system prompt before one chat in eight, unless it has one."""
    if messages[0][0] == "system" or rng.random() > 0.125:
        return messages
    return [("system", rng.choice(_SYSTEM_PROMPTS)), *messages]
