"""From both models' answers to the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from outcrop.bundled.workflow.function import objects
from outcrop.evaluation.comparison import Comparison, Likelihood, Response, compare

# What goes on in the execution's data, which holds 256 KB: three examples with four texts each.
_SHOWN_CHARACTERS = 4_000


def score(event: Mapping[str, Any]) -> dict[str, Any]:
    """Compare the answers, write the comparison, and return its figures with three examples.

    Args:
        event: Bucket and Prefix (where to write), Questions (key), and Base and Custom: what the Maps returned, which
            names the manifest of their results.

    Raises:
        ValueError: an answer is missing.
    """
    bucket = event["Bucket"]
    questions = objects.read_json(bucket, event["Questions"])
    answers = {side: _answers(event[side], len(questions)) for side in ("Base", "Custom")}
    references = [item["Reference"] for item in questions]
    base, custom = (list(map(_response, answers[side])) for side in ("Base", "Custom"))
    comparison = compare(references, base, custom)
    rows = [
        {
            "Prompt": _prompt(item["Ask"]),
            "Reference": item["Reference"],
            **{
                side: {**answers[side][index], "RougeL": value}
                for side, value in (("Base", scores.base), ("Custom", scores.custom))
            },
        }
        for index, (item, scores) in enumerate(zip(questions, comparison.scores, strict=True))
    ]
    found = {
        "Verdict": str(comparison.verdict),
        "Reason": comparison.reason,
        "Examples": len(rows),
        "Measures": _measures(comparison),
    }
    uri = objects.write_json(
        bucket, f"{event['Prefix']}comparison.json", {**found, "Answers": rows}
    )
    return {**found, "Comparison": uri, "Shown": _shown(rows)}


def _answers(result: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Return a Map's outputs in the order of the questions."""
    details = result["ResultWriterDetails"]
    manifest = objects.read_json(details["Bucket"], details["Key"])
    answers: dict[int, dict[str, Any]] = {}
    for file in manifest["ResultFiles"]["SUCCEEDED"]:
        for answer in objects.read_json(manifest["DestinationBucket"], file["Key"]):
            answers[int(answer["Index"])] = answer
    missing = [index for index in range(count) if index not in answers]
    if missing:
        raise ValueError(f"{len(missing)} of {count} questions have no answer: {_reason(manifest)}")
    return [answers[index] for index in range(count)]


def _reason(manifest: Mapping[str, Any]) -> str:
    """Return why the first question that failed has no answer."""
    for file in manifest["ResultFiles"]["FAILED"]:
        for failed in objects.read_json(manifest["DestinationBucket"], file["Key"]):
            return f"{failed.get('Error')}: {failed.get('Cause')}"
    return "their executions ended early"


def _response(answer: Mapping[str, Any]) -> Response:
    if answer.get("Tokens") is None:
        return Response(answer["Text"])
    return Response(answer["Text"], Likelihood(answer["Logprob"], int(answer["Tokens"])))


def _prompt(ask: Mapping[str, Any]) -> str:
    """Return everything a model was given, as one text."""
    parts = [part["Text"] for part in ask.get("System", ())]
    parts += [part["Text"] for turn in ask["Messages"] for part in turn["Content"]]
    return "\n".join(parts)


def _measures(comparison: Comparison) -> dict[str, Any]:
    named = {
        "RougeL": comparison.rouge,
        "RougeLAboveStyle": comparison.content,
        "LossPerToken": comparison.loss,
    }
    return {
        name: {
            "Base": measure.base,
            "Custom": measure.custom,
            "Difference": {
                key.capitalize(): value for key, value in asdict(measure.difference).items()
            },
        }
        for name, measure in named.items()
        if measure is not None
    }


def _shown(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the best, the median and the worst answer of the custom model, long texts cut."""
    order = sorted(range(len(rows)), key=lambda index: (-rows[index]["Custom"]["RougeL"], index))
    places = {"Best": 0, "Median": len(order) // 2, "Worst": len(order) - 1}
    return [
        {
            "Which": which,
            "Prompt": _cut(rows[order[place]]["Prompt"]),
            "Reference": _cut(rows[order[place]]["Reference"]),
            **{
                side: {
                    "Text": _cut(rows[order[place]][side]["Text"]),
                    "RougeL": rows[order[place]][side]["RougeL"],
                }
                for side in ("Base", "Custom")
            },
        }
        for which, place in places.items()
    ]


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]} …"
