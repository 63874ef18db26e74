"""From generated tokens to the text that may be sent: whole characters only, nothing of a stop sequence."""

from collections.abc import Sequence
from typing import Protocol

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Decoder(Protocol):
    """What detokenization needs of a Hugging Face tokenizer."""

    def decode(
        self,
        token_ids: Sequence[int],
        *,
        skip_special_tokens: bool,
        clean_up_tokenization_spaces: bool,
    ) -> str:
        """Return the text of token ids."""


class Detokenizer:
    """Turns tokens into text one by one; what it returns joins to the text of all tokens.

    A token may be part of a character, and its text may depend on the token before it (a leading space). So the text
    of a short window is compared with and without the new token, and characters are held until they are whole.
    """

    def __init__(self, tokenizer: Decoder) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._window_start = 0  # tokens before it no longer matter
        self._sent_end = 0  # text of tokens before it has been returned

    def add(self, token_id: int) -> str:
        """Return the text that this token completes; "" while a character is unfinished."""
        self._ids.append(token_id)
        return self._take(final=False)

    def finish(self) -> str:
        """Return what is left: the replacement character where the answer ends inside a character."""
        return self._take(final=True)

    def _take(self, *, final: bool) -> str:
        sent = self._decode(self._ids[self._window_start : self._sent_end])
        whole = self._decode(self._ids[self._window_start :])
        if len(whole) <= len(sent) or (whole.endswith(_REPLACEMENT) and not final):
            return ""
        self._window_start = self._sent_end
        self._sent_end = len(self._ids)
        return whole[len(sent) :]

    def _decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


class StopMatcher:
    """Passes text on up to the first stop sequence, holding back whatever may be the start of one.

    Args:
        stop_sequences: not empty strings.
    """

    def __init__(self, stop_sequences: Sequence[str]) -> None:
        self._stops = tuple(stop_sequences)
        self._held = ""
        self.matched: str | None = None

    def add(self, text: str) -> str:
        """Return what is certain to be part of the answer; sets `matched` when a stop sequence is complete."""
        if not self._stops:
            return text
        self._held += text
        found = [(self._held.find(stop), stop) for stop in self._stops]
        found = [(position, stop) for position, stop in found if position >= 0]
        if found:
            position, self.matched = min(found)
            certain, self._held = self._held[:position], ""
            return certain
        keep = max(_longest_start(self._held, stop) for stop in self._stops)
        cut = len(self._held) - keep
        certain, self._held = self._held[:cut], self._held[cut:]
        return certain

    def finish(self) -> str:
        """Return what was held back, since no stop sequence came of it."""
        held, self._held = self._held, ""
        return held


def _longest_start(text: str, stop: str) -> int:
    """Return the length of the longest end of `text` that is a true beginning of `stop`."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
