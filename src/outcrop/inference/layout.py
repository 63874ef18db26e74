"""The token layout of conversations, one for training, scoring and generation.

A model learns `prompt tokens + completion tokens` and is asked with exactly the same prompt tokens: the chat
template's rendering up to where the assistant speaks. Without a template, prompt and completion are plain text, one
after the other. Knows tokenizers only by the methods below, so it imports no model library.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

Chat = Sequence[Mapping[str, str]]


class ChatTokenizer(Protocol):
    """What the layout needs of a Hugging Face tokenizer."""

    chat_template: str | None
    eos_token_id: int | None

    def apply_chat_template(
        self, conversation: Chat, *, tokenize: bool, add_generation_prompt: bool
    ) -> str:
        """Return the conversation as text, special tokens spelled out."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Return the token ids of a text."""


def encode_prompt(tokenizer: ChatTokenizer, chat: Chat) -> list[int]:
    """Return the tokens after which the assistant's answer starts.

    Args:
        tokenizer: of the model that is asked.
        chat: {"role", "content"} turns; the last is not the assistant's.

    Raises:
        jinja2.TemplateError: the template refuses the conversation.
    """
    if tokenizer.chat_template is None:
        return tokenizer.encode(_plain(chat), add_special_tokens=True)
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    return tokenizer.encode(text, add_special_tokens=False)


def encode_example(
    tokenizer: ChatTokenizer, chat: Chat, stop_ids: Iterable[int] = ()
) -> tuple[list[int], int]:
    """Return a whole conversation's tokens and how many of them are its prompt.

    The first part equals `encode_prompt(tokenizer, chat[:-1])`; the rest is the completion and ends with the token
    that ends a turn.

    Args:
        tokenizer: of the model that learns or scores.
        chat: {"role", "content"} turns; the last is the assistant's.
        stop_ids: ids that end a turn besides the tokenizer's own.

    Raises:
        jinja2.TemplateError: the template refuses the conversation.
    """
    prompt_ids = encode_prompt(tokenizer, chat[:-1])
    if tokenizer.chat_template is None:
        whole = _plain(chat)
        lead = _plain(chat[:-1])
    else:
        lead = tokenizer.apply_chat_template(chat[:-1], tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=False)
        if not whole.startswith(lead):
            # Some templates open an answer with marks that they leave out of finished ones.
            whole = lead + chat[-1]["content"]
    ids = tokenizer.encode(whole, add_special_tokens=tokenizer.chat_template is None)
    if ids[: len(prompt_ids)] == prompt_ids:
        completion_ids = ids[len(prompt_ids) :]
    else:
        # A token spans the border: the prompt must stay as it will be asked.
        completion_ids = tokenizer.encode(whole[len(lead) :], add_special_tokens=False)
    return prompt_ids + _ended(completion_ids, tokenizer.eos_token_id, frozenset(stop_ids)), len(
        prompt_ids
    )


def _plain(chat: Chat) -> str:
    return "".join(turn["content"] for turn in chat)


def _ended(ids: list[int], eos_id: int | None, stop_ids: frozenset[int]) -> list[int]:
    """Cut what a template writes after the end of a turn; add the end where it writes none."""
    ends = stop_ids if eos_id is None else stop_ids | {eos_id}
    last = max((index for index, token in enumerate(ids) if token in ends), default=None)
    if last is not None:
        return ids[: last + 1]
    return ids if eos_id is None else [*ids, eos_id]
