"""Outcrop's own bodies.

request   {"prompt": text} or {"messages": [{"role", "content"}, …], "system": text},
          max_tokens (256), temperature (0), top_p (1), top_k (0 = all), stop [texts], seed;
          or, to score instead of generating: {"prompt" or "messages", "score_completion": text}
response  {"completion", "stop_reason", "stop_sequence", "usage": {"input_tokens", "output_tokens"}};
          to a score: {"logprob": nats, "tokens": number}
chunks    {"completion": piece}; the last one like a response, with an empty completion
"""

from dataclasses import dataclass
from typing import cast, get_args

from outcrop.inference.dialects.invocation import BodyFields, InvalidBody, ScoreRequest
from outcrop.inference.engine import (
    ChatMessage,
    Finished,
    GenerationRequest,
    Prompt,
    Role,
    Score,
    TextDelta,
)

_MAX_TOKENS = 256
_MOST_TOKENS = 1 << 20
_MOST_STOPS = 64
_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _OwnInvocation:
    request: GenerationRequest | ScoreRequest

    def render(self, text: str, finished: Finished) -> dict[str, object]:
        return {"completion": text, **_ending(finished)}

    def render_score(self, score: Score) -> dict[str, object]:
        return {"logprob": score.logprob_nats, "tokens": score.tokens}

    def render_chunk(self, delta: TextDelta) -> dict[str, object]:
        return {"completion": delta.text}

    def render_last_chunk(self, text: str, finished: Finished) -> dict[str, object]:
        del text  # it has been sent
        return {"completion": "", **_ending(finished)}


def parse(fields: BodyFields) -> _OwnInvocation:
    """Read a body; raises InvalidBody."""
    prompt = _prompt(fields)
    if "score_completion" in fields:
        return _OwnInvocation(ScoreRequest(prompt, fields.text("score_completion")))
    return _OwnInvocation(
        GenerationRequest(
            prompt=prompt,
            max_tokens=fields.integer("max_tokens", 1, _MOST_TOKENS, _MAX_TOKENS),
            temperature=fields.number("temperature", 0, 5, 0.0),
            top_p=fields.number("top_p", 0, 1, 1.0),
            top_k=fields.integer("top_k", 0, _MOST_TOKENS, 0) or 0,
            stop_sequences=fields.texts("stop", _MOST_STOPS),
            seed=fields.integer("seed", 0, _LARGEST_SEED, None),
        )
    )


def _prompt(fields: BodyFields) -> Prompt:
    if "messages" not in fields:
        return Prompt.from_user(fields.text("prompt"))
    if "prompt" in fields:
        raise InvalidBody(
            "Malformed input request: #: give either [prompt] or [messages], not both"
        )
    messages = [ChatMessage("system", fields.text("system"))] if "system" in fields else []
    for turn in fields.objects("messages"):
        role = turn.word("role", get_args(Role), "")
        messages.append(ChatMessage(cast("Role", role), turn.text("content")))
        turn.refuse_unread()
    return Prompt(tuple(messages))


def _ending(finished: Finished) -> dict[str, object]:
    return {
        "stop_reason": finished.stop_reason,
        "stop_sequence": finished.stop_sequence,
        "usage": {
            "input_tokens": finished.input_tokens,
            "output_tokens": finished.output_tokens,
        },
    }
