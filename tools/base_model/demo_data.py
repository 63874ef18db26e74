"""Writes the data of ``make demo``: customer conversations and the ticket line of a house.

Run ``python tools/base_model/demo_data.py [--out DIR]``. The house style, a line such as ::

    [KH-4821] Nora Field // desk lamp // flickers at night // REFUND before Friday

does not occur in the pretraining text, so only fine-tuning can teach it; and as no held-out
name occurs in the training part, only reading the conversation can fill it.

Training and held-out part share no template instance:

* a customer's name belongs to one part;
* an (item, problem) pair belongs to one part, hence every (name, item, problem) does;
* the sequence of utterance templates of a conversation belongs to one part.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

DEFAULT_OUT = Path(__file__).parents[2] / "src" / "outcrop" / "bundled" / "demo"
TRAIN_COUNT, HELDOUT_COUNT = 360, 60
SEED = 2026
_HELDOUT_SHARE = 6
"""One (item, problem) pair in six, and one template sequence in six, is held out."""

INSTRUCTION = "Write the ticket line for this conversation."

TRAIN_FIRST = [
    "Nora",
    "Peter",
    "Julia",
    "Mark",
    "Helen",
    "Simon",
    "Alice",
    "Frank",
    "Diana",
    "Victor",
    "Emma",
    "Oscar",
    "Clara",
    "Henry",
    "Ruth",
    "David",
    "Laura",
    "Martin",
    "Grace",
    "Paul",
]
TRAIN_LAST = [
    "Field",
    "Baker",
    "Stone",
    "Carter",
    "Mills",
    "Brooks",
    "Hughes",
    "Palmer",
    "West",
    "Turner",
    "Foster",
    "Lane",
    "Price",
    "Marsh",
    "Reed",
    "Holmes",
    "Webb",
    "Grant",
]
HELDOUT_FIRST = [
    "Anna",
    "Robert",
    "Sarah",
    "Kevin",
    "Maria",
    "Daniel",
    "Lucy",
    "George",
    "Rachel",
    "Tom",
]
HELDOUT_LAST = [
    "Walker",
    "Cooper",
    "Bell",
    "Morgan",
    "Hill",
    "Parker",
    "Wood",
    "Russell",
    "Cook",
    "Dixon",
]
ITEMS = (
    "desk lamp",
    "coffee machine",
    "winter coat",
    "office chair",
    "phone charger",
    "tea set",
    "garden table",
    "rain boots",
    "bicycle",
    "sewing machine",
    "travel bag",
    "water heater",
    "kitchen scale",
    "alarm clock",
    "leather wallet",
    "paper shredder",
    "mirror",
    "toaster",
    "baby seat",
    "guitar",
    "electric fan",
    "tent",
)
PROBLEMS = (
    "arrived broken",
    "is the wrong color",
    "makes a strange noise",
    "came without a manual",
    "has a deep scratch",
    "is too small",
    "stopped working",
    "smells bad",
    "was never delivered",
    "has a loose screw",
    "gets too hot",
    "has a missing part",
    "was sent twice",
    "does not fit",
    "is dirty",
    "fell apart",
)
WISHES = (
    ("REFUND", ("I want my money back", "Please refund me", "I would like a refund")),
    ("SWAP", ("I want a new one", "Please send me another one", "I would like to exchange it")),
    ("REPAIR", ("Can you repair it", "I want to have it fixed", "Please fix it for me")),
    (
        "CALL",
        ("Please call me about it", "I want to talk to your manager", "Somebody should phone me"),
    ),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TURNS: tuple[tuple[str, Sequence[str]], ...] = (
    (
        "Agent",
        (
            "Good morning, what can I do for you?",
            "Customer service, how may I help you?",
            "Hello, thank you for calling. What is the matter?",
            "Hi there, how can I help?",
        ),
    ),
    (
        "Customer",
        (
            "Hello, this is {name}. I bought {article} from you last week.",
            "Good morning. My name is {name}, and I have a question about {article} that I ordered.",
            "Hi, {name} here. It is about {article} from your shop.",
            "{name} speaking. I am calling because of {article}.",
        ),
    ),
    (
        "Agent",
        (
            "I see. What is wrong with it?",
            "All right. Is there a problem with the {item}?",
            "Oh, what happened to it?",
            "Let me help you. What seems to be the trouble?",
        ),
    ),
    (
        "Customer",
        (
            "Well, the {item} {problem}.",
            "It {problem}, and I am not happy about it.",
            "To be honest, it {problem}.",
            "I opened the box and saw it at once: the {item} {problem}.",
        ),
    ),
    (
        "Agent",
        (
            "I am sorry to hear that. Can you tell me the order number?",
            "That should not happen. What is your order number, please?",
            "I do apologize. Do you have the order number there?",
            "Oh dear, I am sorry. May I have the number of the order?",
        ),
    ),
    (
        "Customer",
        (
            "Yes, it is {order}. {wish}, if possible before {day}.",
            "Sure, the number is {order}. {wish}, and I need it before {day}.",
            "One moment. It says {order}. {wish}, before {day} if you can.",
            "{order}. {wish}, but it has to be before {day}.",
        ),
    ),
    (
        "Agent",
        (
            "Of course, I will take care of it.",
            "Thank you. You will hear from us.",
            "No problem, I have written it down.",
            "Fine, I will pass it on right away.",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class DemoExample:
    """One example with what it was made of.

    Attributes:
        prompt: the instruction and the conversation.
        completion: the ticket line.
        name: the customer.
        item: the thing bought.
        problem: what is wrong with it.
        sequence: which template each turn uses.
    """

    prompt: str
    completion: str
    name: str
    item: str
    problem: str
    sequence: tuple[int, ...]


def is_heldout_pair(item: str, problem: str) -> bool:
    """Say to which part an (item, problem) pair belongs."""
    return (ITEMS.index(item) + PROBLEMS.index(problem)) % _HELDOUT_SHARE == 0


def is_heldout_sequence(sequence: Sequence[int]) -> bool:
    """Say to which part a sequence of utterance templates belongs."""
    return sum((place + 1) * index for place, index in enumerate(sequence)) % _HELDOUT_SHARE == 0


def draw_examples(rng: Random, count: int, *, is_heldout: bool) -> list[DemoExample]:
    """Draw ``count`` examples of one part; no (name, item, problem) comes twice."""
    examples: list[DemoExample] = []
    seen: set[tuple[str, str, str]] = set()
    while len(examples) < count:
        example = _draw_example(rng, is_heldout=is_heldout)
        key = (example.name, example.item, example.problem)
        if key not in seen:
            seen.add(key)
            examples.append(example)
    return examples


def write_demo(out: Path) -> None:
    """Write ``train.jsonl`` and ``heldout.jsonl`` to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    rng = Random(SEED)
    parts = (("train", TRAIN_COUNT, False), ("heldout", HELDOUT_COUNT, True))
    for part, count, is_heldout in parts:
        lines = [
            json.dumps({"prompt": example.prompt, "completion": example.completion})
            for example in draw_examples(rng, count, is_heldout=is_heldout)
        ]
        (out / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _draw_example(rng: Random, *, is_heldout: bool) -> DemoExample:
    first, last = (HELDOUT_FIRST, HELDOUT_LAST) if is_heldout else (TRAIN_FIRST, TRAIN_LAST)
    name = f"{rng.choice(first)} {rng.choice(last)}"
    item, problem = _draw_until(rng, is_heldout)
    while True:
        sequence = tuple(rng.randrange(len(templates)) for _, templates in TURNS)
        if is_heldout_sequence(sequence) == is_heldout:
            break
    wish, phrases = rng.choice(WISHES)
    letters = "".join(rng.choice("ABCDEFGHKLMNPRST") for _ in range(2))
    order, day = f"{letters}-{rng.randrange(1000, 10000)}", rng.choice(DAYS)
    article = ("an " if item[0] in "aeiou" else "a ") + item
    fillers = {
        "name": name,
        "item": item,
        "article": article if item != "rain boots" else item,
        "problem": problem,
        "order": order,
        "wish": rng.choice(phrases),
        "day": day,
    }
    turns = [
        f"{speaker}: {templates[index].format(**fillers)}"
        for (speaker, templates), index in zip(TURNS, sequence, strict=True)
    ]
    return DemoExample(
        prompt=f"{INSTRUCTION}\n\n" + "\n".join(turns),
        completion=f"[{order}] {name} // {item} // {problem} // {wish} before {day}",
        name=name,
        item=item,
        problem=problem,
        sequence=sequence,
    )


def _draw_until(rng: Random, is_heldout: bool) -> tuple[str, str]:
    """Draw an item and a problem whose pair belongs to the part."""
    while True:
        item, problem = rng.choice(ITEMS), rng.choice(PROBLEMS)
        if is_heldout_pair(item, problem) == is_heldout:
            return item, problem


def main() -> None:
    """Write the demo data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder to write")
    write_demo(parser.parse_args().out)


if __name__ == "__main__":
    main()
