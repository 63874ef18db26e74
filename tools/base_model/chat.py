"""The chat form of the model: special tokens, template and rendering."""

from __future__ import annotations

from collections.abc import Sequence

BOS = "<|bos|>"
SYSTEM = "<|system|>"
USER = "<|user|>"
ASSISTANT = "<|assistant|>"
END = "<|end|>"
PAD = "<|pad|>"
SPECIAL_TOKENS = (PAD, BOS, END, SYSTEM, USER, ASSISTANT)
"""In id order: the padding token has id 0."""

CHAT_TEMPLATE = (
    "{{- bos_token }}"
    "{%- for message in messages %}"
    "{%- if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{- raise_exception('roles are system, user and assistant; got ' + message['role']) }}"
    "{%- endif %}"
    "{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}"
)
"""A special token ends every role mark, so a prompt is an exact token prefix of its completion."""


def render(messages: Sequence[tuple[str, str]]) -> str:
    """Return ``(role, content)`` messages as the text the chat template yields."""
    return BOS + "".join(f"<|{role}|>{content}{END}" for role, content in messages)


def render_plain(text: str) -> str:
    """Return running text as a document without roles."""
    return f"{BOS}{text}{END}"
