"""Training data as users write it: JSON Lines, read record by record and checked line by line.

Three formats, named as in facts of the model families that take them:

prompt-completion           {"prompt": "…", "completion": "…"}
bedrock-conversation-2024   {"schemaVersion": "bedrock-conversation-2024", "system": [{"text": "…"}],
                             "messages": [{"role": "user", "content": [{"text": "…"}]}, …]}
messages                    {"system": "…", "messages": [{"role": "user", "content": "…"}, …]}

Each becomes a Record: a conversation that ends with the assistant. Nothing here knows tokens, so a record
that exceeds a model's context is found by the training worker, not here.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn

from outcrop.core.errors import DatasetError

DatasetFormat = Literal["prompt-completion", "bedrock-conversation-2024", "messages"]
CONVERSATION_SCHEMA = "bedrock-conversation-2024"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class DatasetLimits:
    """How much a data file may hold.

    Attributes:
        min_records: fewer are refused.
        max_records: more are refused.
        max_record_bytes: length of one line, without its line end.
        max_size_bytes: length of the file.
        surplus_advice: what to do about too many records.
    """

    min_records: int = 1
    max_records: int = 100_000
    max_record_bytes: int = 1024 * 1024
    max_size_bytes: int = 10 * 1024**3
    surplus_advice: str = "remove some"


@dataclass(frozen=True, slots=True)
class Record:
    """One training example.

    Attributes:
        line: its line number in the file, from 1.
        format: the format it was written in.
        system: the system prompt, or None.
        messages: alternating user and assistant turns, {"role": …, "content": …}; the last is the assistant's.
    """

    line: int
    format: DatasetFormat
    system: str | None
    messages: tuple[dict[str, str], ...]

    @property
    def chat(self) -> list[dict[str, str]]:
        """The whole conversation, the system prompt first where there is one, as chat templates take it."""
        lead = [] if self.system is None else [{"role": "system", "content": self.system}]
        return [*lead, *self.messages]

    @property
    def prompt_chat(self) -> list[dict[str, str]]:
        """The conversation up to, and without, the last assistant turn."""
        return self.chat[:-1]

    @property
    def completion(self) -> str:
        """Text of the last assistant turn."""
        return self.messages[-1]["content"]


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What a valid file holds."""

    records: int
    format: DatasetFormat
    size_bytes: int


def limits_for(family: str, *, validation: bool = False) -> DatasetLimits:
    """Return the limits that Bedrock sets for a model family's data.

    Args:
        family: a name of core.hyperparameters; an unknown one gets the product's own limits.
        validation: limits of the validation file instead of the training file.

    Source: Bedrock user guide, "Prepare your training datasets" and its quotas page.
    """
    training, held_out = _LIMITS.get(family, _OWN_LIMITS)
    return held_out if validation else training


# For files that were checked before: their number of records is the quotas' affair.
_WIDEST = DatasetLimits(max_records=10**10)
_GIB = 1024**3
_OWN_LIMITS = (DatasetLimits(min_records=8), DatasetLimits(min_records=1))
_COHERE = (
    DatasetLimits(min_records=32, max_records=10_000),
    DatasetLimits(min_records=1, max_records=1_000),
)
_TITAN = (
    DatasetLimits(min_records=8, max_size_bytes=_GIB),
    DatasetLimits(min_records=1, max_size_bytes=100 * 1024**2),
)
_LIMITS: Mapping[str, tuple[DatasetLimits, DatasetLimits]] = {
    "cohere.command": _COHERE,
    "cohere.command-light": _COHERE,
    "amazon.titan-text-lite": _TITAN,
    "amazon.titan-text-express": _TITAN,
    "amazon.titan-text-premier": _TITAN,
    "amazon.nova": (
        DatasetLimits(min_records=8, max_records=20_000),
        DatasetLimits(min_records=1, max_records=20_000),
    ),
    "anthropic.claude-3-haiku": (
        DatasetLimits(min_records=32, max_records=10_000, max_size_bytes=10 * _GIB),
        DatasetLimits(min_records=1, max_records=1_000, max_size_bytes=_GIB),
    ),
    "meta.llama3": (
        DatasetLimits(min_records=100, max_records=10_000),
        DatasetLimits(min_records=1, max_records=10_000),
    ),
}


def validate_file(
    path: Path, name: str, limits: DatasetLimits, stream: BinaryIO | None = None
) -> DatasetSummary:
    """Check every line of a file.

    Args:
        path: the file on disk.
        name: how the user knows it (an S3 URI); used in errors.
        limits: numbers of records and bytes allowed.
        stream: as in `read_records`.

    Raises:
        DatasetError: the first thing that is wrong, with its line.
    """
    stream = stream or path.open("rb")
    size_bytes = stream.seek(0, os.SEEK_END)
    records = 0
    dataset_format: DatasetFormat = "prompt-completion"
    for record in read_records(path, limits, name, stream):
        records += 1
        dataset_format = record.format
    return DatasetSummary(records, dataset_format, size_bytes)


def read_records(
    path: Path,
    limits: DatasetLimits | None = None,
    name: str | None = None,
    stream: BinaryIO | None = None,
) -> Iterator[Record]:
    """Yield the records of a file in order, holding one line at a time.

    Args:
        path: the file on disk.
        limits: numbers of records and bytes allowed; the product's widest when None.
        name: how errors call the file; its path when None.
        stream: the file's content where that is not simply the file's bytes; closed at the end.

    Raises:
        DatasetError: at the first line that breaks the format, or when the file as a whole does; too few
            records are known only at the end.
    """
    limits = limits or _WIDEST
    name = name or str(path)
    stream = stream or path.open("rb")
    with stream:
        yield from _read_records(stream, limits, name)


def _read_records(stream: BinaryIO, limits: DatasetLimits, name: str) -> Iterator[Record]:
    size_bytes = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if size_bytes > limits.max_size_bytes:
        raise DatasetError(
            f"the file has {size_bytes:,} bytes, at most {limits.max_size_bytes:,} are allowed;"
            " split or shorten it",
            name,
        )
    first: Record | None = None
    line = 0
    for line, raw in enumerate(_read_lines(stream, limits.max_record_bytes, name), start=1):
        if line > limits.max_records:
            raise DatasetError(
                f"the file has more than {limits.max_records:,} records; {limits.surplus_advice}",
                name,
            )
        record = _parse_record(raw, line, name)
        first = first or record
        if record.format != first.format:
            raise DatasetError(
                f"the record is in the {record.format} format, but line 1 is in the {first.format}"
                " format; use one format in a file",
                name,
                line,
            )
        yield record
    if line == 0:
        raise DatasetError("the file is empty; put one JSON object on each line", name)
    if line < limits.min_records:
        raise DatasetError(
            f"the file has {line:,} records, at least {limits.min_records:,} are needed; add more",
            name,
        )


def _read_lines(stream: BinaryIO, max_record_bytes: int, name: str) -> Iterator[bytes]:
    """Yield lines without their ends; an endless line is refused before it fills the memory."""
    line = 0
    while raw := stream.readline(max_record_bytes + 2):
        line += 1
        content = raw.rstrip(b"\r\n")
        if len(content) > max_record_bytes:
            raise DatasetError(
                f"the record is longer than {max_record_bytes:,} bytes; shorten or split it",
                name,
                line,
            )
        yield content


def _parse_record(raw: bytes, line: int, name: str) -> Record:
    def fail(message: str) -> NoReturn:
        raise DatasetError(message, name, line)

    value = _parse_json(raw, fail)
    if not isinstance(value, dict):
        fail(f"expected a JSON object, found {_type_name(value)}")
    if "schemaVersion" in value:
        return _parse_conversation(value, line, fail)
    if "messages" in value:
        return _parse_messages(value, line, fail)
    if "prompt" not in value and "completion" not in value:
        found = ", ".join(map(repr, sorted(value))) or "none"
        fail(
            f"wrong keys: found {found}; expected 'prompt' and 'completion', or 'schemaVersion' and"
            " 'messages', or 'messages'"
        )
    return _parse_pair(value, line, fail)


Fail = Callable[[str], NoReturn]


def _parse_json(raw: bytes, fail: Fail) -> object:
    if raw.startswith(_BYTE_ORDER_MARK):
        fail("the line starts with a byte order mark; save the file as UTF-8 without one")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        fail(
            f"not UTF-8: byte {raw[error.start]:#04x} at byte {error.start + 1}; save the file as UTF-8"
        )
    if not text.strip():
        fail("the line is blank; remove it")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: parsed JSON
        keys = [key for key, _ in pairs]
        for key in keys:
            if keys.count(key) > 1:
                fail(f"the key {key!r} appears twice in one object; keep one")
        return dict(pairs)

    try:
        value: object = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        fail(f"not valid JSON: {error.msg} at column {error.colno}")
    except RecursionError:
        fail("the JSON is nested too deeply")
    return value


def _parse_pair(value: dict[str, object], line: int, fail: Fail) -> Record:
    _check_keys(value, required=("prompt", "completion"), optional=(), fail=fail)
    turns = (
        {"role": "user", "content": _text(value["prompt"], "'prompt'", fail)},
        {"role": "assistant", "content": _text(value["completion"], "'completion'", fail)},
    )
    return Record(line, "prompt-completion", None, turns)


def _parse_conversation(value: dict[str, object], line: int, fail: Fail) -> Record:
    _check_keys(value, required=("schemaVersion", "messages"), optional=("system",), fail=fail)
    version = value["schemaVersion"]
    if version != CONVERSATION_SCHEMA:
        fail(f"'schemaVersion' is {version!r}; expected {CONVERSATION_SCHEMA!r}")
    system = _blocks(value["system"], "'system'", fail) if "system" in value else None
    turns = _turns(value["messages"], _blocks, fail)
    return Record(line, "bedrock-conversation-2024", system, turns)


def _parse_messages(value: dict[str, object], line: int, fail: Fail) -> Record:
    _check_keys(value, required=("messages",), optional=("system",), fail=fail)
    system = _text(value["system"], "'system'", fail) if "system" in value else None
    return Record(line, "messages", system, _turns(value["messages"], _text, fail))


def _turns(
    messages: object, content: Callable[[object, str, Fail], str], fail: Fail
) -> tuple[dict[str, str], ...]:
    """Check that user and assistant alternate, user first, assistant last."""
    if not isinstance(messages, list):
        fail(f"'messages' must be a list, found {_type_name(messages)}")
    turns = []
    for index, message in enumerate(messages):
        place = f"'messages[{index}]'"
        if not isinstance(message, dict):
            fail(f"{place} must be an object, found {_type_name(message)}")
        _check_keys(message, required=("role", "content"), optional=(), fail=fail, place=place)
        expected = ("user", "assistant")[index % 2]
        if message["role"] != expected:
            fail(
                f"{place} has the role {message['role']!r}, expected {expected!r}: user and assistant"
                " alternate, the user speaks first"
            )
        text = content(message["content"], f"'messages[{index}].content'", fail)
        turns.append({"role": expected, "content": text})
    if len(turns) < 2 or len(turns) % 2:
        fail("'messages' must end with an assistant message after a user message")
    return tuple(turns)


def _blocks(value: object, place: str, fail: Fail) -> str:
    """Return the text of Converse content blocks; several are joined by a line feed."""
    if not isinstance(value, list) or not value:
        fail(f"{place} must be a list of {{'text': …}} blocks, found {_type_name(value)}")
    texts = []
    for index, block in enumerate(value):
        if not isinstance(block, dict) or set(block) != {"text"}:
            found = ", ".join(map(repr, block)) if isinstance(block, dict) else _type_name(block)
            fail(
                f"{place} block {index} must hold 'text' alone, found {found}; only text is trained"
            )
        texts.append(_text(block["text"], f"{place} block {index} text", fail))
    return "\n".join(texts)


def _text(value: object, place: str, fail: Fail) -> str:
    if not isinstance(value, str):
        fail(f"{place} must be a string, found {_type_name(value)}")
    if not value.strip():
        fail(f"{place} is empty")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        fail(f"{place} holds half of a surrogate pair, which is no character; remove it")
    return value


def _check_keys(
    value: Mapping[str, object],
    required: tuple[str, ...],
    optional: tuple[str, ...],
    fail: Fail,
    place: str = "the record",
) -> None:
    missing = [repr(key) for key in required if key not in value]
    unknown = [repr(key) for key in value if key not in {*required, *optional}]
    if missing or unknown:
        problems = [
            *([f"misses {', '.join(missing)}"] if missing else []),
            *([f"has unknown {', '.join(unknown)}"] if unknown else []),
        ]
        allowed = ", ".join(repr(key) for key in (*required, *optional))
        fail(f"{place} {' and '.join(problems)}; its keys are {allowed}")


def _type_name(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "a boolean",
        type(None): "null",
    }
    if isinstance(value, (list, dict)) and not value:
        return f"an empty {'list' if isinstance(value, list) else 'object'}"
    return names.get(type(value), "a number")
