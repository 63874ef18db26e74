"""The interface of an inference engine: what it is asked and what it answers.

Implementations: `client.EngineClient`, which talks to a process of `native`. Nothing here knows processes, models or
the wire.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol

from outcrop.core.errors import EngineError

Role = Literal["system", "user", "assistant"]
StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "context_window"]


class PromptRejected(EngineError):
    """The model cannot take this prompt: too long, or its chat template refuses it. The caller's fault."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is asked.

    Attributes:
        messages: a conversation, laid out by the model's chat template.
        text: plain text that goes to the model as it is, instead of messages.
    """

    messages: tuple[ChatMessage, ...] = ()
    text: str | None = None

    @classmethod
    def from_user(cls, text: str) -> "Prompt":
        """Return one user turn: what a prompt/completion record is in training."""
        return cls((ChatMessage("user", text),))

    @property
    def chat(self) -> list[dict[str, str]]:
        """The messages as chat templates take them."""
        return [{"role": message.role, "content": message.text} for message in self.messages]


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One answer to generate.

    Attributes:
        prompt: what is asked.
        max_tokens: at most so many tokens, the end of the turn counted; None for what the context leaves.
        temperature: 0 takes the likeliest token; above, logits are divided by it.
        top_p: keep the likeliest tokens up to this probability mass, in (0, 1].
        top_k: keep so many likeliest tokens; 0 keeps all.
        stop_sequences: texts before which the answer ends; none of them is part of it.
        seed: makes a sampled answer repeatable; None draws anew.
    """

    prompt: Prompt
    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    stop_sequences: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of an answer; `output_tokens` counts the tokens generated so far."""

    text: str
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer.

    Attributes:
        stop_sequence: the one that was met, where the reason is "stop_sequence".
        output_tokens: tokens generated, the end-of-turn token included.
    """

    stop_reason: StopReason
    stop_sequence: str | None
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Score:
    """How likely a completion is: log p(completion | prompt) in nats, over `tokens` tokens with the end of turn."""

    logprob_nats: float
    tokens: int


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """Counters of an engine process since its start.

    Attributes:
        generated_tokens: tokens sampled, of all requests.
        running: requests that generate now.
        waiting: requests that wait for their turn.
        finished: generations that came to their end.
        cancelled: generations that were given up.
    """

    generated_tokens: int
    running: int
    waiting: int
    finished: int
    cancelled: int


class Engine(Protocol):
    """Answers requests for one base model and any number of adapters on it."""

    def generate(
        self, request: GenerationRequest, adapter: Path | None = None, key: bytes | None = None
    ) -> AsyncIterator[TextDelta | Finished]:
        """Yield the answer piece by piece, a Finished last; `aclose()` ends the work within one token.

        Args:
            request: what to generate.
            adapter: PEFT folder to apply, or None for the base model.
            key: of the adapter's folder where it is sealed.

        Raises:
            PromptRejected: the prompt is too long or malformed; before anything is yielded.
            EngineError: the engine failed or died.
        """

    async def count_tokens(self, prompt: Prompt, adapter: Path | None = None) -> int:
        """Return how many input tokens the prompt makes.

        Raises:
            PromptRejected: the model's chat template refuses it.
        """

    async def score(
        self,
        prompt: Prompt,
        completion: str,
        adapter: Path | None = None,
        key: bytes | None = None,
    ) -> Score:
        """Return the log-probability of a completion; concurrent calls are computed together.

        Raises:
            PromptRejected: prompt and completion do not fit the context.
        """

    async def close(self) -> None:
        """End the engine; running requests raise EngineError."""


def prompt_to_wire(prompt: Prompt) -> dict[str, object]:
    """Return the prompt as JSON values for the engine process."""
    return asdict(prompt)


def prompt_from_wire(value: Mapping[str, object]) -> Prompt:
    """Return what `prompt_to_wire` was given."""
    messages = value["messages"]
    text = value["text"]
    assert isinstance(messages, list)
    assert text is None or isinstance(text, str)
    return Prompt(tuple(ChatMessage(item["role"], item["text"]) for item in messages), text)
