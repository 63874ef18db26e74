"""The bodies of Cohere Command.

Ranges and defaults: Bedrock user guide, "Cohere Command models". Of `return_likelihoods` and `num_generations`
only NONE and 1 are served; `logit_bias` is not.
"""

from dataclasses import dataclass
from uuid import uuid4

from outcrop.inference.dialects.invocation import BodyFields
from outcrop.inference.engine import Finished, GenerationRequest, Prompt, Score, TextDelta

_FINISH_REASONS = {
    "end_turn": "COMPLETE",
    "stop_sequence": "COMPLETE",
    "max_tokens": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
}


@dataclass(frozen=True, slots=True)
class _CohereInvocation:
    request: GenerationRequest
    prompt: str

    def render(self, text: str, finished: Finished) -> dict[str, object]:
        return {
            "id": str(uuid4()),
            "generations": [
                {
                    "id": str(uuid4()),
                    "text": text,
                    "finish_reason": _FINISH_REASONS[finished.stop_reason],
                }
            ],
            "prompt": self.prompt,
        }

    def render_score(self, score: Score) -> dict[str, object]:
        raise AssertionError(f"no Cohere body asks for a score, so nobody awaits {score}")

    def render_chunk(self, delta: TextDelta) -> dict[str, object]:
        return {"index": 0, "is_finished": False, "text": delta.text}

    def render_last_chunk(self, text: str, finished: Finished) -> dict[str, object]:
        return {
            "index": 0,
            "is_finished": True,
            "finish_reason": _FINISH_REASONS[finished.stop_reason],
            "response": self.render(text, finished),
        }


def parse(fields: BodyFields) -> _CohereInvocation:
    """Read a body; raises InvalidBody."""
    prompt = fields.text("prompt")
    fields.boolean("stream", default=False)  # the operation says whether to stream
    fields.word("return_likelihoods", ("NONE",), "NONE")
    fields.word("truncate", ("NONE",), "NONE")
    fields.integer("num_generations", 1, 1, 1)
    request = GenerationRequest(
        prompt=Prompt.from_user(prompt),
        max_tokens=fields.integer("max_tokens", 1, 4096, 20),
        temperature=fields.number("temperature", 0, 5, 0.9),
        top_p=fields.number("p", 0, 1, 0.75),
        top_k=fields.integer("k", 0, 500, 0) or 0,
        stop_sequences=fields.texts("stop_sequences", 4),
        seed=fields.integer("seed", 0, 2**63 - 1, None),
    )
    return _CohereInvocation(request, prompt)
