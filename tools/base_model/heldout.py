"""Writes and reads the held-out text that the card's bits per character refer to.

Run ``python tools/base_model/heldout.py`` from ``tools`` to write ``heldout.txt`` anew. Its
parts, from near to far from the training text:

* ``reserved-fillers``: dialogues of the training scenarios, with names, items and places of
  which the training text has none;
* ``unseen-scenarios``: dialogues of scenarios that the training text does not use;
* ``written``: pieces of the written corpus that are kept out of training.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from base_model.documents import load_corpus
from base_model.lexicon import Lexicon
from base_model.scenarios import HELDOUT_FOLDER, Scenario, draw_dialogue, load_scenarios

HELDOUT_PATH = Path(__file__).parent / "heldout.txt"
_SEED = 99
_COUNTS = {"reserved-fillers": 60, "unseen-scenarios": 10}
_PART_MARK = "=== "
_DOCUMENT_MARK = "\n---\n"


def load_heldout(path: Path = HELDOUT_PATH) -> dict[str, list[str]]:
    """Return the documents of the held-out text by part."""
    parts: dict[str, list[str]] = {}
    for section in path.read_text(encoding="utf-8").split(_PART_MARK)[1:]:
        name, _, body = section.partition("\n")
        parts[name.strip()] = [text.strip("\n") for text in body.split(_DOCUMENT_MARK)]
    return parts


def write_heldout(path: Path = HELDOUT_PATH) -> None:
    """Draw the generated parts anew and collect the written one."""
    rng = Random(_SEED)
    parts = {
        "reserved-fillers": _dialogues(rng, load_scenarios(), _COUNTS["reserved-fillers"]),
        "unseen-scenarios": _dialogues(
            rng, load_scenarios(HELDOUT_FOLDER), _COUNTS["unseen-scenarios"]
        ),
        "written": [_with_summary(p.text, p.summary) for p in load_corpus(is_heldout=True)],
    }
    sections = [
        f"{_PART_MARK}{name}\n{_DOCUMENT_MARK.join(texts)}" for name, texts in parts.items()
    ]
    path.write_text("\n".join(sections) + "\n", encoding="utf-8")


def _dialogues(rng: Random, scenarios: tuple[Scenario, ...], count: int) -> list[str]:
    drawn = [draw_dialogue(rng, Lexicon.reserved(), scenarios) for _ in range(count)]
    return [_with_summary(dialogue.text(), dialogue.summary) for dialogue in drawn]


def _with_summary(text: str, summary: str) -> str:
    return f"{text}\nSummary: {summary}" if summary else text


if __name__ == "__main__":
    write_heldout()
