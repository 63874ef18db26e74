"""Scenario files, and the dialogues with summaries and questions drawn from them.

A scenario file holds scenarios like this one::

    ## lost_item
    item=object place=place
    -
    A: [Excuse me|Hello]{,B}. I left my {item} at the {place}.
    = {A} lost {A.his} {item}.
    ? What did {A} lose? => {A.his} {item}
    /
    A: ...

``-`` opens a beat, ``-?`` one that is sometimes left out, ``/`` an alternative to the beat
before it. ``=`` lines make the summary, ``?`` lines are questions with their answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

from base_model import numbers_text
from base_model.lexicon import Lexicon, Person, with_article
from base_model.templates import capitalize_first, expand

SCENARIO_FOLDER = Path(__file__).parent / "scenarios"
HELDOUT_FOLDER = SCENARIO_FOLDER / "heldout"
_ALIASES = {"activity": "task", "mishap": "reason"}
_ROLE_PAIRS = [
    ("Customer", "Agent"),
    ("Guest", "Host"),
    ("Caller", "Clerk"),
    ("Man", "Woman"),
    ("Student", "Teacher"),
    ("Patient", "Doctor"),
    ("Speaker 1", "Speaker 2"),
    ("Visitor", "Guide"),
    ("A", "B"),
    ("Buyer", "Seller"),
]


@dataclass(slots=True)
class Beat:
    """One step of a scenario, with one or more alternatives of utterances and facts."""

    is_optional: bool
    lines: list[tuple[str, str]] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    questions: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Scenario:
    """A parsed scenario: slot categories by slot name, and groups of alternative beats."""

    name: str
    slots: dict[str, str]
    beats: list[list[Beat]]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A drawn dialogue.

    Attributes:
        scenario: name of the scenario.
        turns: (speaker label, utterance) pairs in order.
        summary: one to four sentences.
        questions: (question, answer) pairs, all answered by the turns.
        fillers: the slot fillers, by slot name.
    """

    scenario: str
    turns: tuple[tuple[str, str], ...]
    summary: str
    questions: tuple[tuple[str, str], ...]
    fillers: dict[str, str]

    def text(self) -> str:
        """Return the turns as ``Speaker: utterance`` lines."""
        return "\n".join(f"{speaker}: {utterance}" for speaker, utterance in self.turns)


@cache
def load_scenarios(folder: Path = SCENARIO_FOLDER) -> tuple[Scenario, ...]:
    """Return the scenarios of all ``*.txt`` files of ``folder``, in name order."""
    return tuple(
        scenario
        for path in sorted(folder.glob("*.txt"))
        for scenario in parse_scenarios(path.read_text(encoding="utf-8"))
    )


def parse_scenarios(text: str) -> list[Scenario]:
    """Parse the text of a scenario file.

    Raises:
        ValueError: if a line fits none of the forms.
    """
    scenarios: list[Scenario] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line:
            continue
        if line.startswith("## "):
            scenarios.append(Scenario(line[3:], {}, []))
        elif line in {"-", "-?"}:
            scenarios[-1].beats.append([Beat(is_optional=line == "-?")])
        elif line == "/":
            scenarios[-1].beats[-1].append(Beat(is_optional=False))
        elif not scenarios[-1].beats:
            for pair in line.split():
                slot, _, category = pair.partition("=")
                scenarios[-1].slots[slot] = category
        else:
            _read_beat_line(scenarios[-1].beats[-1][-1], line, number)
    return scenarios


def _read_beat_line(beat: Beat, line: str, number: int) -> None:
    if line[:2] in {"A:", "B:"}:
        beat.lines.append((line[0], line[2:].strip()))
    elif line.startswith("= "):
        beat.summary.append(line[2:])
    elif line.startswith("? ") and " => " in line:
        question, answer = line[2:].split(" => ")
        beat.questions.append((question, answer))
    else:
        raise ValueError(f"line {number} is no utterance, summary or question: {line!r}")


class DialogueWriter:
    """Fills one scenario: draws speakers and slot fillers once, then reads its beats."""

    def __init__(self, scenario: Scenario, lexicon: Lexicon, rng: Random) -> None:
        self._scenario = scenario
        self._lexicon = lexicon
        self._rng = rng
        self._taken: set[str] = set()
        self._people = self._draw_speakers()
        self._uses_labels = self._people["A"].name.startswith("#")
        self._fillers: dict[str, str] = {}
        for slot, category in scenario.slots.items():
            self._fillers[slot] = self._draw_filler(category)

    def write(self) -> Dialogue:
        """Return the dialogue with everything filled in."""
        turns: list[tuple[str, str]] = []
        summary: list[str] = []
        questions: list[tuple[str, str]] = []
        for alternatives in self._scenario.beats:
            if alternatives[0].is_optional and self._rng.random() < 0.4:
                continue
            beat = self._rng.choice(alternatives)
            turns += [(self._people[who].name, self._fill(text)) for who, text in beat.lines]
            summary += [capitalize_first(self._fill(text)) for text in beat.summary]
            questions += [(self._fill(q), self._fill(a)) for q, a in beat.questions]
        text = " ".join(part if part.endswith(".") else part + "." for part in summary)
        return Dialogue(
            self._scenario.name, _joined(turns), text, tuple(questions), dict(self._fillers)
        )

    def _draw_speakers(self) -> dict[str, Person]:
        style = self._rng.random()
        if style < 0.45:
            first, second = ("#Person1#", "#Person2#")
            if self._rng.random() < 0.5:
                first, second = second, first
            return {"A": Person(first, "x"), "B": Person(second, "x")}
        if style < 0.55:
            pair = self._rng.choice(_ROLE_PAIRS)
            return {"A": Person(pair[0], "x"), "B": Person(pair[1], "x")}
        return {who: self._lexicon.person(self._rng, self._taken) for who in "AB"}

    def _draw_filler(self, category: str) -> str:
        if category in {"friend", "name"}:
            return self._lexicon.person(self._rng, self._taken).name
        drawn = numbers_text.draw(category, self._rng)
        if drawn is not None:
            return drawn
        options = self._lexicon.slots[_ALIASES.get(category, category)]
        unused = [option for option in options if option not in self._fillers.values()]
        return self._rng.choice(unused)

    def _fill(self, template: str) -> str:
        return tidy(expand(template, self._rng, self._slot).strip())

    def _slot(self, slot: str) -> str:
        if slot[0] in ",.":
            return self._vocative(slot)
        if slot.startswith("a:"):
            return with_article(" ".join(self._slot(part) for part in slot[2:].split()))
        name, _, form = slot.partition(".")
        if name in self._people:
            return self._reference(self._people[name], form)
        return capitalize_first(self._fillers[name]) if form == "cap" else self._fillers[name]

    def _vocative(self, slot: str) -> str:
        """Return ``, Anna`` or ``Anna, `` when the speakers have names, else nothing."""
        person = self._people[slot[1]]
        if person.gender == "x" and (self._uses_labels or person.name in sum(_ROLE_PAIRS, ())):
            return ""
        return f", {person.name}" if slot[0] == "," else f"{person.name}, "

    def _reference(self, person: Person, form: str) -> str:
        """Return the name, or a pronoun where the gender is known and the draw allows it."""
        if form and person.gender != "x" and self._rng.random() < 0.7:
            male = {"he": "he", "his": "his", "him": "him"}
            female = {"he": "she", "his": "her", "him": "her"}
            return (male if person.gender == "m" else female)[form]
        return f"{person.name}'s" if form == "his" else person.name


def tidy(text: str) -> str:
    """Mend what free slot filling breaks: ``on tomorrow``, ``at 7 p.m..`` and the like."""
    text = re.sub(r"\b[Oo]n (tomorrow|this |next |the day after)", r"\1", text)
    return text.replace("..", ".").replace(".?", "?").replace("  ", " ")


def _joined(turns: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Join neighbouring utterances of one speaker."""
    joined: list[tuple[str, str]] = []
    for speaker, utterance in turns:
        if joined and joined[-1][0] == speaker:
            joined[-1] = (speaker, f"{joined[-1][1]} {utterance}")
        else:
            joined.append((speaker, utterance))
    return tuple(joined)


def draw_dialogue(rng: Random, lexicon: Lexicon, scenarios: tuple[Scenario, ...]) -> Dialogue:
    """Draw one dialogue from ``scenarios`` with fillers of ``lexicon``."""
    return DialogueWriter(rng.choice(scenarios), lexicon, rng).write()
