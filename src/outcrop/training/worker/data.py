"""From records to token rows: rendered by the model's chat template, labelled on what the assistant says.

The tokens of a prompt in training are those the prompt gives at inference: each part of a record is tokenised on
its own, so that no token reaches across the border between prompt and answer. Labels are the assistant's tokens
including the one that ends its turn. Nothing is truncated.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import torch
from jinja2 import TemplateError

from outcrop.core.datasets import Record, read_records
from outcrop.core.errors import DatasetError, JobFailed
from outcrop.training.worker.batches import Row

_RECORDS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a rendered record.

    Attributes:
        text: what it says.
        is_labelled: whether the assistant says it.
        is_start: whether it is the raw beginning of the text, which takes the tokenizer's own special tokens.
    """

    text: str
    is_labelled: bool
    is_start: bool = False


class RecordTokenizer:
    """Turns records into rows for one base model.

    Args:
        folder: the base model's Hugging Face folder.
        context_tokens: longest row allowed.

    Raises:
        JobFailed: the folder has no tokenizer that can be loaded.
    """

    def __init__(self, folder: Path, context_tokens: int) -> None:
        from transformers import AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError) as error:
            raise JobFailed(f"The tokenizer in {folder.name} cannot be loaded: {error}") from error
        self._context_tokens = context_tokens
        self._end_ids = _end_ids(folder, self._tokenizer.eos_token_id)

    def read(
        self,
        path: Path,
        name: str,
        between: Callable[[], None],
        stream: BinaryIO | None = None,
    ) -> list[Row]:
        """Return the rows of a data file, in its order.

        Args:
            path: a JSON Lines file.
            name: how errors call it.
            between: called now and then; may raise to leave.
            stream: the file's content where the file is sealed.

        Raises:
            DatasetError: a record breaks the format, does not fit the chat template or exceeds the context.
        """
        rows: list[Row] = []
        records = read_records(path, name=name, stream=stream)
        while chunk := list(islice(records, _RECORDS_AT_ONCE)):
            between()
            rows.extend(self._rows(chunk, name))
        return rows

    def _rows(self, records: list[Record], name: str) -> Iterator[Row]:
        parts = [self._parts(record, name) for record in records]
        tokens = self._tokenize(part for record_parts in parts for part in record_parts)
        for record, record_parts in zip(records, parts, strict=True):
            row = self._row([(part, next(tokens)) for part in record_parts])
            if row.tokens > self._context_tokens:
                raise DatasetError(
                    f"the record has {row.tokens:,} tokens, more than the model's context of"
                    f" {self._context_tokens:,}; shorten or split it",
                    name,
                    record.line,
                )
            yield row

    def _parts(self, record: Record, name: str) -> list[Part]:
        if not self._tokenizer.chat_template:
            if len(record.chat) > 2:
                raise DatasetError(
                    "the base model has no chat template, so it takes one prompt and one completion a record,"
                    " without system prompt or further turns",
                    name,
                    record.line,
                )
            prompt, completion = (turn["content"] for turn in record.chat)
            return [
                Part(prompt, is_labelled=False, is_start=True),
                Part(completion, is_labelled=True),
            ]
        try:
            return self._chat_parts(record)
        except (TemplateError, ValueError) as error:
            raise DatasetError(
                f"the base model's chat template refuses the record: {error}", name, record.line
            ) from error

    def _chat_parts(self, record: Record) -> list[Part]:
        chat = record.chat
        parts: list[Part] = []
        done = ""
        for index, turn in enumerate(chat):
            if turn["role"] != "assistant":
                continue
            prompt = self._render(chat[:index], add_generation_prompt=True)
            whole = self._render(chat[: index + 1], add_generation_prompt=False)
            if not prompt.startswith(done) or not whole.startswith(prompt):
                raise ValueError("it renders earlier turns differently once later ones follow")
            parts.append(Part(prompt[len(done) :], is_labelled=False))
            parts.append(Part(whole[len(prompt) :], is_labelled=True))
            done = whole
        return parts

    def _render(self, chat: list[dict[str, str]], *, add_generation_prompt: bool) -> str:
        text: str = self._tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=add_generation_prompt
        )
        return text

    def _tokenize(self, parts: Iterable[Part]) -> Iterator[list[int]]:
        """Yield the tokens of each part; a template writes its special tokens into the text itself."""
        kept = list(parts)
        tokens = self._encode([part.text for part in kept], special=False)
        starts = [index for index, part in enumerate(kept) if part.is_start]
        with_special = self._encode([kept[index].text for index in starts], special=True)
        for index, ids in zip(starts, with_special, strict=True):
            # Some tokenizers close every text with an end token, which a prompt must not carry.
            tokens[index] = ids[:-1] if ids and ids[-1] in self._end_ids else ids
        return iter(tokens)

    def _encode(self, texts: list[str], *, special: bool) -> list[list[int]]:
        if not texts:
            return []
        ids: list[list[int]] = self._tokenizer(texts, add_special_tokens=special)["input_ids"]
        return ids

    def _row(self, parts: list[tuple[Part, list[int]]]) -> Row:
        tokens: list[int] = []
        labels: list[int] = []
        for index, (part, ids) in enumerate(parts):
            start = len(tokens)
            tokens.extend(ids)
            if not part.is_labelled:
                continue
            ends = [place for place, token in enumerate(ids) if token in self._end_ids]
            if ends:  # what a template writes after the end token is not the assistant's to say
                labels.extend(range(start, start + ends[-1] + 1))
                continue
            if index == len(parts) - 1:  # without an end the model would never learn to stop
                tokens.append(self._tokenizer.eos_token_id)
            labels.extend(range(start, len(tokens)))
        return Row(torch.tensor(tokens, dtype=torch.int32), torch.tensor(labels, dtype=torch.int32))


def _end_ids(folder: Path, eos_token_id: int | None) -> frozenset[int]:
    """Return every id that ends an assistant's turn: the tokenizer's and those of the generation settings."""
    if eos_token_id is None:
        raise JobFailed(f"The tokenizer in {folder.name} has no end-of-text token.")
    path = folder / "generation_config.json"
    declared: Any = json.loads(path.read_text()).get("eos_token_id") if path.exists() else None
    more = declared if isinstance(declared, list) else [] if declared is None else [declared]
    return frozenset({eos_token_id, *more})
