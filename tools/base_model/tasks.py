"""Instruction tasks that can only be solved by copying from the prompt.

Each task function returns a list of (role, content) messages. The answers are exact, so the
same functions serve as training text and as the measure of in-context copying.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from base_model import lexicon as lex
from base_model import numbers_text
from base_model.lexicon import Lexicon
from base_model.prose import draw_passage, draw_sentence

Messages = list[tuple[str, str]]
Task = Callable[[Random, Lexicon], Messages]


def lookup(rng: Random, lexicon: Lexicon) -> Messages:
    """Ask for the values of some keys of a list."""
    pairs = _pairs(rng, lexicon, rng.randrange(3, 10))
    mark = rng.choice([": ", " = ", " -> ", " - ", " | "])
    listing = "\n".join(f"{key}{mark}{value}" for key, value in pairs)
    asked = rng.sample(pairs, min(len(pairs), rng.randrange(1, 4)))
    ask = rng.choice(
        [
            "What is the value of {}?",
            "Look up {}.",
            "{}?",
            "What belongs to {}?",
            "Find {} in the list.",
        ]
    )
    first = rng.choice(
        [f"{listing}\n\n{ask.format(asked[0][0])}", f"{ask.format(asked[0][0])}\n\n{listing}"]
    )
    messages = [("user", first), ("assistant", asked[0][1])]
    for key, value in asked[1:]:
        messages += [("user", ask.format(key)), ("assistant", value)]
    return messages


def reverse_lookup(rng: Random, lexicon: Lexicon) -> Messages:
    """Ask which key has a value."""
    pairs = _pairs(rng, lexicon, rng.randrange(3, 8))
    asked = rng.sample(pairs, 2)
    listing = "\n".join(f"{key}: {value}" for key, value in pairs)
    messages = [
        ("user", f"{listing}\n\nWhich entry has {asked[0][1]}?"),
        ("assistant", asked[0][0]),
    ]
    return [*messages, ("user", f"And {asked[1][1]}?"), ("assistant", asked[1][0])]


def repeat_text(rng: Random, lexicon: Lexicon) -> Messages:
    """Ask for a word-for-word copy, of a sentence, a code or invented words."""
    makers: list[Callable[[], str]] = [
        lambda: draw_sentence(rng, lexicon),
        lambda: " ".join(draw_sentence(rng, lexicon) for _ in range(rng.randrange(2, 4))),
        lambda: " ".join(lexicon.invented_name(rng) for _ in range(rng.randrange(2, 8))),
        lambda: " ".join(
            numbers_text.digits(rng, rng.randrange(1, 6)) for _ in range(rng.randrange(1, 6))
        ),
        lambda: " ".join(_random_words(rng, rng.randrange(3, 14))),
    ]
    text = rng.choice(makers)()
    ask = rng.choice(
        [
            "Repeat this: ",
            "Repeat the following text.\n\n",
            "Copy this text exactly:\n",
            "Say this again: ",
            "Write down what I say. ",
        ]
    )
    return [("user", ask + text), ("assistant", text)]


def reorder_list(rng: Random, lexicon: Lexicon) -> Messages:
    """Ask for a list in its order, reversed, its first or its last entry."""
    makers: list[Callable[[], list[str]]] = [
        lambda: _random_words(rng, rng.randrange(3, 8)),
        lambda: _names(rng, lexicon, rng.randrange(3, 7)),
        lambda: rng.sample(lexicon.slots["object"], rng.randrange(3, 6)),
    ]
    items = list(dict.fromkeys(rng.choice(makers)()))
    ask, answer = rng.choice(
        [
            ("Write the list with commas.", ", ".join(items)),
            ("Write the list backwards.", ", ".join(reversed(items))),
            ("What is the first entry?", items[0]),
            ("What is the last entry?", items[-1]),
            (f"What comes after {items[1]}?", items[2] if len(items) > 2 else "nothing"),
            (f"What comes before {items[1]}?", items[0]),
            ("How many entries are there?", str(len(items))),
            ("Number the entries.", "\n".join(f"{n}. {item}" for n, item in enumerate(items, 1))),
            (f"Write the list without {items[1]}.", ", ".join(items[:1] + items[2:])),
            ("Sort the list by the alphabet.", ", ".join(sorted(items, key=str.lower))),
        ]
    )
    listing = rng.choice(["\n".join(f"- {item}" for item in items), "\n".join(items)])
    return [
        ("user", f"{ask}\n\n{listing}" if rng.random() < 0.5 else f"{listing}\n\n{ask}"),
        ("assistant", answer),
    ]


def passage_questions(rng: Random, lexicon: Lexicon) -> Messages:
    """Ask one to four questions about a short passage."""
    passage, questions = draw_passage(rng, lexicon, rng.randrange(1, 5))
    asked = rng.sample(questions, min(len(questions), rng.randrange(1, 5)))
    ask = rng.choice(
        [
            "Read the text and answer the question.\n\n",
            "Answer from the text.\n\n",
            "",
            "Here is a text. ",
        ]
    )
    messages = [("user", f"{ask}{passage}\n\n{asked[0][0]}"), ("assistant", asked[0][1])]
    for question, answer in asked[1:]:
        messages += [("user", question), ("assistant", answer)]
    return messages


def record_from_passage(rng: Random, lexicon: Lexicon) -> Messages:
    """Ask for the facts of a passage in a made-up record layout."""
    passage, questions = draw_passage(rng, lexicon, rng.randrange(1, 4))
    asked = rng.sample(questions, min(len(questions), rng.randrange(2, 5)))
    ask = "\n".join(question for question, _ in asked)
    joined = rng.choice(["\n", " | ", "; ", " / "]).join(answer for _, answer in asked)
    return [
        ("user", f"{passage}\n\nAnswer in one {'list' if chr(10) in joined else 'line'}:\n{ask}"),
        ("assistant", joined),
    ]


def fill_form(rng: Random, lexicon: Lexicon) -> Messages:
    """Show examples of records in a random layout and ask for one more."""
    fields = rng.sample(list(_FORM_FIELDS), rng.randrange(2, 5))
    mark = rng.choice([" | ", ", ", "; ", " - ", " :: "])
    shout = rng.random() < 0.3
    template = rng.choice(_FORM_SENTENCES)

    def record() -> tuple[str, str]:
        values = {name: _field(name, rng, lexicon) for name in _FORM_FIELDS}
        line = mark.join(
            (f"{name.upper()}={values[name]}" if shout else values[name]) for name in fields
        )
        return template.format(**values), line

    shown = [record() for _ in range(rng.randrange(1, 4))]
    messages: Messages = []
    for text, line in [*shown, record()]:
        messages += [("user", text), ("assistant", line)]
    if rng.random() < 0.5:
        ask = "Write each message as: " + mark.join(fields)
        messages.insert(0, ("system", ask))
    return messages


def substitute(rng: Random, lexicon: Lexicon) -> Messages:
    """Ask for a sentence with one word replaced by another."""
    sentence = draw_sentence(rng, lexicon)
    words = [word.strip(".,!?") for word in sentence.split()]
    old, new = rng.choice(words), rng.choice(lex.words("nouns"))
    answer = " ".join(
        token.replace(old, new) if token.strip(".,!?") == old else token
        for token in sentence.split()
    )
    return [("user", f"Replace {old} with {new}: {sentence}"), ("assistant", answer)]


def who_said(rng: Random, lexicon: Lexicon) -> Messages:
    """Ask who said a sentence, or what a speaker said."""
    names = _names(rng, lexicon, rng.randrange(2, 5))
    if rng.random() < 0.4:
        names = [f"#Person{n}#" for n in range(1, len(names) + 1)]
    said = [(name, draw_sentence(rng, lexicon)) for name in names]
    rng.shuffle(said)
    ask = rng.choice(["Who said: {1}", "What did {0} say?"])
    name, sentence = rng.choice(said)
    answer = name if "Who" in ask else sentence
    listing = "\n".join(f"{who}: {what}" for who, what in said)
    return [("user", f"{listing}\n\n{ask.format(name, sentence)}"), ("assistant", answer)]


def translate_code(rng: Random, lexicon: Lexicon) -> Messages:
    """Give a small dictionary of invented words and ask to apply it."""
    meanings = {lexicon.invented_name(rng).lower(): word for word in _random_words(rng, 6)}
    known = list(meanings)
    order = [rng.choice(known) for _ in range(rng.randrange(1, 5))]
    book = ", ".join(f"{word} means {meaning}" for word, meaning in meanings.items())
    return [
        ("user", f"{book}.\n\nTranslate: {' '.join(order)}"),
        ("assistant", " ".join(meanings[word] for word in order)),
    ]


def letters(rng: Random, lexicon: Lexicon) -> Messages:
    """Ask for the spelling, upper case or first letter of a word."""
    word = rng.choice([rng.choice(_random_words(rng, 1)), lexicon.invented_name(rng)])
    ask, answer = rng.choice(
        [
            ("Spell", "-".join(word.upper())),
            ("Write in capital letters:", word.upper()),
            ("What is the first letter of", word[0].upper()),
        ]
    )
    return [("user", f"{ask} {word}"), ("assistant", answer)]


TASKS: tuple[tuple[Task, float], ...] = (
    (lookup, 3.0),
    (reverse_lookup, 1.0),
    (repeat_text, 2.0),
    (reorder_list, 1.5),
    (passage_questions, 3.0),
    (record_from_passage, 1.5),
    (fill_form, 2.5),
    (substitute, 0.8),
    (who_said, 1.2),
    (translate_code, 0.8),
    (letters, 0.4),
)
"""The tasks with their relative frequency."""

_FORM_FIELDS = ("name", "object", "place", "day", "price", "code", "problem", "phone")
_FORM_SENTENCES = (
    "{name} called on {day} about the {object} from the {place}. It {problem}. It cost {price}, order {code}, phone {phone}.",
    "Order {code}: the {object} of {name} {problem}. Paid {price} on {day}, sent to the {place}, call {phone}.",
    "My name is {name}. On {day} I bought a {object} for {price} near the {place}, but it {problem}. My number is {phone} and the code is {code}.",
    "{day}, {place}: {name} paid {price} for a {object} ({code}). It {problem}. Phone: {phone}",
)


def draw_task(rng: Random, lexicon: Lexicon) -> Messages:
    """Draw one task by its frequency."""
    chosen = rng.choices([task for task, _ in TASKS], [weight for _, weight in TASKS])[0]
    return chosen(rng, lexicon)


def _field(name: str, rng: Random, lexicon: Lexicon) -> str:
    if name == "name":
        return lexicon.person(rng, set()).name
    if name == "problem":
        return rng.choice(lexicon.slots["fault"])
    drawn = numbers_text.draw(name, rng)
    return drawn if drawn is not None else rng.choice(lexicon.slots[name])


def _names(rng: Random, lexicon: Lexicon, count: int) -> list[str]:
    taken: set[str] = set()
    return [lexicon.person(rng, taken).name for _ in range(count)]


def _random_words(rng: Random, count: int) -> list[str]:
    pools = ("nouns", "verbs", "adjectives", "nouns")
    return [rng.choice(lex.words(rng.choice(pools))) for _ in range(count)]


def _pairs(rng: Random, lexicon: Lexicon, count: int) -> list[tuple[str, str]]:
    """Return key and value pairs with distinct keys and distinct values."""
    categories = [name for name in lexicon.slots if len(lexicon.slots[name]) > 3]
    value_kind = rng.choice(
        ["price", "code", "phone", "time", "name", "invented", "word", *rng.sample(categories, 3)]
    )
    key_kind = rng.choice(["name", "name", "word", "object", "code", "invented"])

    def draw(kind: str) -> str:
        if kind == "name":
            return lexicon.person(rng, set()).name
        if kind == "invented":
            return lexicon.invented_name(rng)
        if kind == "word":
            return _random_words(rng, 1)[0]
        drawn = numbers_text.draw(kind, rng)
        return drawn if drawn is not None else rng.choice(lexicon.slots[kind])

    pairs: dict[str, str] = {}
    for _ in range(8 * count):
        key, value = draw(key_kind), draw(value_kind)
        if key not in pairs and value not in pairs.values():
            pairs[key] = value
        if len(pairs) == count:
            break
    return list(pairs.items())
