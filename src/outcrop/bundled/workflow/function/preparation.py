"""From the held-out examples to the questions that both models are asked."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outcrop.bundled.workflow.function import objects
from outcrop.core.datasets import Record, read_records

# How much longer than the longest reference an answer may get.
_ANSWER_ROOM = 1.25
_ANSWER_FLOOR_TOKENS = 16
# The reference of most tokens is among those of most bytes.
_COUNTED = 8
_BYTES_PER_TOKEN = 3


def prepare(event: Mapping[str, Any]) -> dict[str, Any]:
    """Write the questions as the items of a Map, and return where they are.

    Args:
        event: HeldOutData (URI), Bucket and Prefix (where to write), MeasureLoss.

    Raises:
        DatasetError: a line is wrong.
        ValueError: there are fewer than two examples.
    """
    bucket, key = objects.bucket_and_key(event["HeldOutData"])
    content = objects.read(bucket, key)
    records = list(read_records(Path(key), name=event["HeldOutData"], stream=io.BytesIO(content)))
    if len(records) < 2:
        raise ValueError(
            f"{event['HeldOutData']} holds {len(records)} examples: at least 2 are compared"
        )
    items = [
        _item(index, record, measure_loss=bool(event.get("MeasureLoss")))
        for index, record in enumerate(records)
    ]
    key = f"{event['Prefix']}questions.json"
    objects.write_json(event["Bucket"], key, items)
    return {"Key": key, "Count": len(items)}


def limit(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many tokens an answer may have: those of the longest reference and some room, for both models.

    Args:
        event: Bucket and Questions (key), ModelId (of the base), and AnswerTokens, which is taken as it is unless 0.
    """
    if event["AnswerTokens"]:
        return {"AnswerTokens": event["AnswerTokens"]}
    questions = objects.read_json(event["Bucket"], event["Questions"])
    tokens = _most_tokens([item["Reference"] for item in questions], event["ModelId"])
    return {"AnswerTokens": round(tokens * _ANSWER_ROOM) + _ANSWER_FLOOR_TOKENS}


def _item(index: int, record: Record, *, measure_loss: bool) -> dict[str, Any]:
    """Return one question, spelled as the States Language spells what it hands to Converse and InvokeModel."""
    ask: dict[str, Any] = {"Messages": [_turn(turn) for turn in record.messages[:-1]]}
    if record.system is not None:
        ask["System"] = [{"Text": record.system}]
    item: dict[str, Any] = {"Index": index, "Reference": record.completion, "Ask": ask}
    if measure_loss:
        chat = record.prompt_chat
        prompt = {"prompt": chat[0]["content"]} if len(chat) == 1 else {"messages": chat}
        item["Weigh"] = {**prompt, "score_completion": record.completion}
    return item


def _turn(turn: Mapping[str, str]) -> dict[str, Any]:
    return {"Role": turn["role"], "Content": [{"Text": turn["content"]}]}


def _most_tokens(references: Sequence[str], model: str) -> int:
    """Return the tokens of the longest reference, at most a few too many."""
    sizes = {reference: len(reference.encode()) for reference in references}
    longest = sorted(sizes, key=lambda text: (-sizes[text], text))[:_COUNTED]
    from botocore.exceptions import ClientError

    runtime = objects.client("bedrock-runtime")
    try:
        return max(_count(runtime, model, text) for text in longest)
    except ClientError:  # not every model counts tokens
        return sizes[longest[0]] // _BYTES_PER_TOKEN


def _count(runtime: Any, model: str, text: str) -> int:
    turn = {"role": "user", "content": [{"text": text}]}
    counted = runtime.count_tokens(modelId=model, input={"converse": {"messages": [turn]}})
    tokens: int = counted["inputTokens"]
    return tokens
