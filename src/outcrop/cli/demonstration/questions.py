"""What both models answered, and how long a question is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outcrop.cli.demonstration.examples import Example
from outcrop.evaluation.comparison import Response

if TYPE_CHECKING:
    from types_boto3_bedrock_runtime import BedrockRuntimeClient


@dataclass(frozen=True, slots=True)
class Answers:
    """What both models did with every example, in order."""

    base: Sequence[Response]
    custom: Sequence[Response]


def count_tokens(client: "BedrockRuntimeClient", model: str, example: Example) -> int:
    """Return how many tokens prompt and answer have together, at most a few too many.

    The answer is counted as a turn of its own, for a conversation to be counted ends with the user.
    """
    record = example.record
    prompt: dict[str, Any] = {"messages": [_turn(**turn) for turn in record.messages[:-1]]}
    if record.system is not None:
        prompt["system"] = [{"text": record.system}]
    completion = {"messages": [_turn("user", example.completion)]}
    total = 0
    for request in (prompt, completion):
        counted: Any = {"converse": request}
        total += client.count_tokens(modelId=model, input=counted)["inputTokens"]
    return total


def _turn(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": [{"text": content}]}
