"""The demo's data: what is trained on, what early stopping may look at, and what only the verdict sees."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import outcrop
from outcrop.cli.terminal import CommandFailed
from outcrop.core.datasets import Record, read_records
from outcrop.core.errors import DatasetError
from outcrop.evaluation.splits import split

BUNDLED_FOLDER = Path(outcrop.__file__).parent / "bundled" / "demo"
TRAINING, VALIDATION, HELD_OUT = "train.jsonl", "validation.jsonl", "heldout.jsonl"
_HELD_OUT_SHARE = 0.1
_MOST_HELD_OUT = 200
_VALIDATION_SHARE = 0.05
_MOST_VALIDATION = 50
_FEWEST_VALIDATION = 8
_FEWEST_TRAINING = 8
# A byte is at least a token's worth of text, so a record this far under the limit need not be counted.
_TEMPLATE_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Example:
    """One record, and the line it was written on.

    Attributes:
        file: name of its file, for people.
        text: the line as it stands in the file.
    """

    record: Record
    file: str
    text: str

    @property
    def prompt(self) -> str:
        """Everything the model is given, as one text."""
        return "\n".join(turn["content"] for turn in self.record.prompt_chat)

    @property
    def completion(self) -> str:
        """The answer wanted."""
        return self.record.completion

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.file}:{self.record.line}"


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples of one run; no prompt, nor one much like it, is on two sides.

    Attributes:
        training: what the job trains on.
        validation: taken out of the training part; early stopping looks at it.
        held_out: seen by nobody before the verdict.
        set_aside: left out because they do not fit into the model's context.
        overlapping: left out of training because a held-out prompt is the same or nearly so.
        sources: names of the files, for people.
    """

    training: tuple[Example, ...]
    validation: tuple[Example, ...]
    held_out: tuple[Example, ...]
    set_aside: tuple[Example, ...]
    overlapping: tuple[Example, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the examples come from.

    Attributes:
        training: JSONL file; None for the data that comes with the product.
        held_out: JSONL file to compare on; None to hold out a part of the training file.
        held_out_count: how many examples to hold out; None for a tenth, at most 200.
    """

    training: Path | None = None
    held_out: Path | None = None
    held_out_count: int | None = None


def load(source: Source, fits: Callable[[Example], bool]) -> Examples:
    """Read, check and divide the examples.

    Args:
        source: the files.
        fits: whether an example fits into the model's context; asked only for long ones.

    Raises:
        CommandFailed: a file is wrong or too small; says where and what to do.
    """
    training_file = source.training or BUNDLED_FOLDER / "train.jsonl"
    held_out_file = source.held_out
    if held_out_file is None and source.training is None:
        held_out_file = BUNDLED_FOLDER / "heldout.jsonl"
    everything = read(training_file)
    held_out = read(held_out_file) if held_out_file else []
    set_aside = [example for example in (*everything, *held_out) if not fits(example)]
    left_out = {id(example) for example in set_aside}
    everything = [example for example in everything if id(example) not in left_out]
    held_out = [example for example in held_out if id(example) not in left_out]
    overlapping: list[Example] = []
    if held_out_file is None:
        everything, held_out = _hold_out(everything, source.held_out_count)
    else:
        held_out = held_out[: source.held_out_count]
        everything, overlapping = _without_overlap(everything, held_out)
    training, validation = _take_validation(everything)
    if len(training) < _FEWEST_TRAINING or len(held_out) < 2:
        raise CommandFailed(
            f"{len(training)} examples to train on and {len(held_out)} to compare on are too few",
            "a first try wants some hundreds of examples",
        )
    return Examples(
        tuple(training),
        tuple(validation),
        tuple(held_out),
        tuple(set_aside),
        tuple(overlapping),
        tuple(path.name for path in (training_file, held_out_file) if path),
    )


def read(path: Path) -> list[Example]:
    """Return the examples of a file.

    Raises:
        CommandFailed: it cannot be read, or a line is wrong.
    """
    try:
        records = list(read_records(path, name=path.name))
        lines = path.read_bytes().split(b"\n")
    except DatasetError as error:
        raise CommandFailed(
            str(error), "correct the line; nothing was trained, and no record is left out silently"
        ) from error
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}") from error
    return [Example(record, path.name, lines[record.line - 1].decode()) for record in records]


def may_be_too_long(example: Example, context_tokens: int) -> bool:
    """Return whether an example has so many bytes that its tokens must be counted."""
    return len(example.text.encode()) + _TEMPLATE_TOKENS > context_tokens


def as_jsonl(examples: Sequence[Example]) -> bytes:
    """Return the examples as the file that is uploaded, line by line as they were."""
    return "".join(f"{example.text.rstrip()}\n" for example in examples).encode()


def as_files(examples: Examples) -> dict[str, bytes]:
    """Return the files of a run by their names; without validation data there is no such file."""
    parts = {
        TRAINING: examples.training,
        VALIDATION: examples.validation,
        HELD_OUT: examples.held_out,
    }
    return {name: as_jsonl(part) for name, part in parts.items() if part}


def as_input(uris: Mapping[str, str]) -> dict[str, str]:
    """Return what the workflow's input says of the files of `as_files`, given where they lie."""
    members = {TRAINING: "TrainingData", VALIDATION: "ValidationData", HELD_OUT: "HeldOutData"}
    return {members[name]: uri for name, uri in uris.items()}


def _hold_out(
    examples: Sequence[Example], count: int | None
) -> tuple[list[Example], list[Example]]:
    wanted = count or min(_MOST_HELD_OUT, round(_HELD_OUT_SHARE * len(examples)))
    parts = split([example.prompt for example in examples], wanted)
    return [examples[index] for index in parts.kept], [examples[index] for index in parts.held_out]


def _take_validation(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Take a twentieth for early stopping; from few examples none, they are worth more in training."""
    wanted = min(_MOST_VALIDATION, round(_VALIDATION_SHARE * len(examples)))
    if wanted < _FEWEST_VALIDATION:
        return list(examples), []
    parts = split([example.prompt for example in examples], wanted, salt="validation")
    return [examples[index] for index in parts.kept], [examples[index] for index in parts.held_out]


def _without_overlap(
    examples: Sequence[Example], held_out: Sequence[Example]
) -> tuple[list[Example], list[Example]]:
    """Divide training examples into those unlike every held-out one, and the rest."""
    from outcrop.evaluation.splits import group_alike

    count = len(examples)
    together = [example.prompt for example in (*examples, *held_out)]
    tainted = {
        index
        for group in group_alike(together)
        if any(index >= count for index in group)
        for index in group
    }
    kept = [example for index, example in enumerate(examples) if index not in tainted]
    overlapping = [example for index, example in enumerate(examples) if index in tainted]
    return kept, overlapping
