"""Word lists for the text generator, with English inflection.

The lists live in ``lexicon/*.txt`` and were written for this project. A fixed share of
the names and slot fillers is *reserved*: the training text never uses them, so that text
generated with ``Lexicon.reserved`` shares no template instance with the training text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import TypeVar

LEXICON_FOLDER = Path(__file__).parent / "lexicon"
RESERVED_EVERY = 6
"""Every sixth entry of a list is kept away from the training text."""

_T = TypeVar("_T")
_VOWELS = "aeiou"
_ONSETS = [
    "b",
    "br",
    "c",
    "ch",
    "cl",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "kr",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "qu",
    "r",
    "s",
    "sh",
    "st",
    "t",
    "th",
    "tr",
    "v",
    "w",
    "y",
    "z",
]
_NUCLEI = ["a", "e", "i", "o", "u", "ai", "ea", "ee", "ia", "io", "oa", "ou", "a", "e", "i", "o"]
_CODAS = ["", "", "", "n", "l", "r", "s", "m", "t", "nd", "rk", "ck", "ll", "th", "x"]


@dataclass(frozen=True, slots=True)
class Person:
    """A speaker: the name as written and the gender its pronouns follow.

    Attributes:
        name: a given name, a title with a surname, or a label such as ``#Person1#``.
        gender: ``m``, ``f``, or ``x`` where no pronoun is to be used.
    """

    name: str
    gender: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The fillers that one text stream may draw from.

    Attributes:
        given: given names with their gender.
        surnames: family names.
        slots: slot fillers by category, for example ``product``.
        is_reserved: true when these are the fillers kept away from training.
    """

    given: tuple[Person, ...]
    surnames: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]
    is_reserved: bool

    @classmethod
    def training(cls) -> Lexicon:
        """Return the fillers that training text is made of."""
        return _load(is_reserved=False)

    @classmethod
    def reserved(cls) -> Lexicon:
        """Return the fillers that training text never contains in a slot."""
        return _load(is_reserved=True)

    def person(self, rng: Random, taken: set[str]) -> Person:
        """Draw a person whose name is not in ``taken``; about a third are invented names.

        Invented names make the model copy what it reads instead of recalling a list.
        """
        while True:
            draw = rng.random()
            if draw < 0.62:
                person = rng.choice(self.given)
            elif draw < 0.74:
                title, gender = rng.choice(
                    [("Mr.", "m"), ("Mrs.", "f"), ("Ms.", "f"), ("Dr.", "x")]
                )
                person = Person(f"{title} {self.surname(rng)}", gender)
            else:
                person = Person(self.invented_name(rng), "x")
            if person.name not in taken:
                taken.add(person.name)
                return person

    def surname(self, rng: Random) -> str:
        """Draw a family name, invented one time in four."""
        return self.invented_name(rng) if rng.random() < 0.25 else rng.choice(self.surnames)

    def invented_name(self, rng: Random) -> str:
        """Make up a pronounceable name of two or three syllables."""
        parts = [rng.choice(_ONSETS) + rng.choice(_NUCLEI) for _ in range(rng.choice([1, 1, 2]))]
        return (
            "".join(parts) + rng.choice(_ONSETS) + rng.choice("aeiou") + rng.choice(_CODAS)
        ).capitalize()


def read_list(name: str) -> list[str]:
    """Return the lines of ``lexicon/<name>.txt`` without comments and blank lines."""
    text = (LEXICON_FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@cache
def words(name: str) -> tuple[str, ...]:
    """Return the words of ``lexicon/<name>.txt`` in file order."""
    return tuple(word for line in read_list(name) for word in line.split())


@cache
def _load(*, is_reserved: bool) -> Lexicon:
    people = [Person(*line.split()) for line in read_list("people")]
    slots: dict[str, tuple[str, ...]] = {}
    for line in read_list("slots"):
        category, _, entries = line.partition(":")
        fillers = [entry.strip() for entry in entries.split("|")]
        # Small closed sets such as months are shared: there is nothing to hold out.
        slots[category] = tuple(fillers) if len(fillers) < 14 else _part(fillers, is_reserved)
    return Lexicon(
        _part(people, is_reserved), _part(list(words("surnames")), is_reserved), slots, is_reserved
    )


def _part(entries: list[_T], is_reserved: bool) -> tuple[_T, ...]:
    """Return the reserved or the remaining entries of a list."""
    return tuple(
        entry
        for position, entry in enumerate(entries)
        if (position % RESERVED_EVERY == RESERVED_EVERY - 1) == is_reserved
    )


@cache
def irregular_verbs() -> dict[str, tuple[str, str]]:
    """Return past tense and past participle of the irregular verbs."""
    rows = [line.split() for line in read_list("irregular")]
    return {base: (past, participle) for base, past, participle in rows}


def past(verb: str) -> str:
    """Return the simple past of ``verb``."""
    return irregular_verbs()[verb][0] if verb in irregular_verbs() else _regular_past(verb)


def participle(verb: str) -> str:
    """Return the past participle of ``verb``."""
    return irregular_verbs()[verb][1] if verb in irregular_verbs() else _regular_past(verb)


def third_person(verb: str) -> str:
    """Return the third person singular of ``verb``."""
    return {"be": "is", "have": "has"}.get(verb) or plural(verb)


def gerund(verb: str) -> str:
    """Return the -ing form of ``verb``."""
    if verb in {"be", "see", "agree", "disagree", "guarantee"}:
        return verb + "ing"
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e"):
        return verb[:-1] + "ing"
    return (verb + verb[-1] if _doubles(verb) else verb) + "ing"


def plural(noun: str) -> str:
    """Return the regular plural of ``noun``."""
    if noun.endswith("y") and noun[-2:-1] not in _VOWELS:
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "z", "ch", "sh", "go", "do")) else "s")


def with_article(phrase: str) -> str:
    """Put ``a`` or ``an`` before ``phrase``, judged by its first letter."""
    starts_with_vowel_sound = phrase[0].lower() in _VOWELS and not phrase.startswith(
        ("uni", "use", "usu", "one", "euro")
    )
    silent_h = phrase.startswith(("hour", "honest", "honor"))
    return ("an " if starts_with_vowel_sound or silent_h else "a ") + phrase


def _regular_past(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        return verb[:-1] + "ied"
    return (verb + verb[-1] if _doubles(verb) else verb) + "ed"


def _doubles(verb: str) -> bool:
    """Say whether a final consonant doubles before -ed and -ing (stop, stopped)."""
    stressed_at_end = {
        "admit",
        "commit",
        "occur",
        "prefer",
        "refer",
        "regret",
        "transfer",
        "begin",
        "forget",
        "quit",
        "permit",
    }
    short = len(verb) <= 4 and sum(letter in _VOWELS for letter in verb) == 1
    closed = len(verb) > 2 and verb[-1] not in "aeiouwxy" and verb[-2] in _VOWELS
    return closed and (short or verb in stressed_at_end)
