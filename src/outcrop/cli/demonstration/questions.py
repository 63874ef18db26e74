"""Asking both models the held-out questions, and how likely each finds the answers wanted."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outcrop.cli.connection import Server
from outcrop.cli.demonstration.examples import Example
from outcrop.evaluation.comparison import Likelihood, Response

if TYPE_CHECKING:
    from types_boto3_bedrock_runtime import BedrockRuntimeClient

CALLS_AT_ONCE = 16
# How much longer than the longest reference an answer may get.
_ANSWER_ROOM = 1.25
_ANSWER_FLOOR_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Answers:
    """What both models did with every example, in order.

    Attributes:
        max_tokens: limit of an answer's length, the same for both.
    """

    base: list[Response]
    custom: list[Response]
    max_tokens: int


def ask_both(
    server: Server,
    base: str,
    custom: str,
    examples: Sequence[Example],
    advance: Callable[[int, int], None],
) -> Answers:
    """Ask the base and the custom model every question, greedily, 16 at once.

    Args:
        server: to ask.
        base: model id.
        custom: ARN of its throughput.
        examples: the held-out examples.
        advance: told after each call how many of how many are done.
    """
    client = server.runtime(CALLS_AT_ONCE)
    models = (base, custom)
    total = 2 * len(models) * len(examples)
    done = 0

    def map_calls(call: Callable[[str, Example], Any]) -> list[list[Any]]:
        nonlocal done
        results: list[list[Any]] = [[None] * len(examples) for _ in models]
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            pending = {
                pool.submit(call, model, example): (side, index)
                for index, example in enumerate(examples)
                for side, model in enumerate(models)
            }
            try:
                for future in as_completed(pending):
                    side, index = pending[future]
                    results[side][index] = future.result()
                    done += 1
                    advance(done, total)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return results

    likelihoods = map_calls(lambda model, example: likelihood(client, model, example))
    longest = max(item.tokens for item in likelihoods[0])
    max_tokens = round(longest * _ANSWER_ROOM) + _ANSWER_FLOOR_TOKENS
    texts = map_calls(lambda model, example: answer(client, model, example, max_tokens))
    sides = [
        [Response(text, value) for text, value in zip(texts[side], likelihoods[side], strict=True)]
        for side in range(len(models))
    ]
    return Answers(sides[0], sides[1], max_tokens)


def answer(client: "BedrockRuntimeClient", model: str, example: Example, max_tokens: int) -> str:
    """Return the model's own answer, the most likely token each time."""
    body = {**_prompt(example), "max_tokens": max_tokens, "temperature": 0}
    text: str = _invoke(client, model, body)["completion"]
    return text


def likelihood(client: "BedrockRuntimeClient", model: str, example: Example) -> Likelihood:
    """Return how likely the model finds the answer wanted."""
    result = _invoke(client, model, {**_prompt(example), "score_completion": example.completion})
    return Likelihood(result["logprob"], result["tokens"])


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


def _prompt(example: Example) -> dict[str, Any]:
    chat = example.record.prompt_chat
    if len(chat) == 1:
        return {"prompt": chat[0]["content"]}
    return {"messages": chat}


def _invoke(client: "BedrockRuntimeClient", model: str, body: dict[str, Any]) -> dict[str, Any]:
    answered = client.invoke_model(modelId=model, body=json.dumps(body).encode())
    result: dict[str, Any] = json.loads(answered["body"].read())
    return result
