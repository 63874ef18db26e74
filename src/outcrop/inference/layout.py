"""The token layout of conversations at inference and in scoring; training lays its rows out alike.

A model learns `prompt tokens + completion tokens` and is asked with exactly the same prompt tokens: the chat
template's rendering up to where the assistant speaks, tokenised on its own so that no token reaches across the border.
Without a template, prompt and completion are plain text, one after the other. Knows tokenizers only by the methods
below, so it imports no model library.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
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


def encode_prompt(tokenizer: ChatTokenizer, chat: Chat, end_ids: AbstractSet[int]) -> list[int]:
    """Return the tokens after which the assistant's answer starts.

    Args:
        tokenizer: of the model that is asked.
        chat: {"role", "content"} turns; the last is not the assistant's.
        end_ids: tokens that end a turn.

    Raises:
        jinja2.TemplateError: the template refuses the conversation.
    """
    if tokenizer.chat_template is None:
        ids = tokenizer.encode(_plain(chat), add_special_tokens=True)
        # Some tokenizers close every text with an end token, which a prompt must not carry.
        return ids[:-1] if ids and ids[-1] in end_ids else ids
    return tokenizer.encode(_render_prompt(tokenizer, chat), add_special_tokens=False)


def encode_completion(tokenizer: ChatTokenizer, chat: Chat, end_ids: AbstractSet[int]) -> list[int]:
    """Return the tokens of a conversation's last turn, the one that ends the turn included.

    They follow `encode_prompt(tokenizer, chat[:-1], end_ids)`.

    Args:
        tokenizer: of the model that learns or scores.
        chat: {"role", "content"} turns; the last is the assistant's.
        end_ids: tokens that end a turn.

    Raises:
        jinja2.TemplateError: the template refuses the conversation.
        ValueError: the template renders a prompt differently once its answer follows.
    """
    text = chat[-1]["content"]
    if tokenizer.chat_template is not None:
        prompt = _render_prompt(tokenizer, chat[:-1])
        whole = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=False)
        if not whole.startswith(prompt):
            raise ValueError("it renders earlier turns differently once later ones follow")
        text = whole[len(prompt) :]
    ids = tokenizer.encode(text, add_special_tokens=False)
    ends = [place for place, token in enumerate(ids) if token in end_ids]
    if ends:  # what a template writes after the end token is not the assistant's to say
        return ids[: ends[-1] + 1]
    return ids if tokenizer.eos_token_id is None else [*ids, tokenizer.eos_token_id]


def _render_prompt(tokenizer: ChatTokenizer, chat: Chat) -> str:
    return tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


def _plain(chat: Chat) -> str:
    return "".join(turn["content"] for turn in chat)
