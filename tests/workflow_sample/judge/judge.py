"""A function that says which of two models answered better, and mails it.

It reads three lists of texts from S3, in the same order: what should have been said, what the base and the tuned
model did say.
"""

import json
import os
import time
from collections import Counter
from typing import Any

import boto3

STORE = boto3.client("s3")
POST = boto3.client("ses")


def handle(_event: Any, _context: Any) -> dict[str, Any]:
    expected = read(os.environ["VALIDATION_BUCKET"], "expected.json")
    base = mean_overlap(read(os.environ["ANSWERS_BUCKET"], "base.json"), expected)
    tuned = mean_overlap(read(os.environ["ANSWERS_BUCKET"], "tuned.json"), expected)
    is_better = tuned > base
    verdict = "better than" if is_better else "no better than"
    POST.send_email(
        Source=os.environ["SENDER"],
        Destination={"ToAddresses": [os.environ["RECIPIENT"]]},
        Message={
            "Subject": {"Data": f"The tuned model is {verdict} its base"},
            "Body": {"Text": {"Data": f"tuned {tuned:.4f}, base {base:.4f}"}},
        },
    )
    time.sleep(float(os.environ.get("LINGER_SECONDS", "0")))
    return {"statusCode": 200, "deleteProvisionedThroughput": not is_better}


def read(bucket: str, key: str) -> list[str]:
    texts: list[str] = json.loads(STORE.get_object(Bucket=bucket, Key=key)["Body"].read())
    return texts


def mean_overlap(answers: list[str], expected: list[str]) -> float:
    """Return the mean of the F1 of words, in 0..1."""
    if len(answers) != len(expected):
        raise ValueError(f"{len(answers)} answers to {len(expected)} questions")
    return sum(map(overlap, answers, expected)) / len(expected)


def overlap(answer: str, expected: str) -> float:
    given, wanted = Counter(answer.lower().split()), Counter(expected.lower().split())
    shared = (given & wanted).total()
    return 2 * shared / (given.total() + wanted.total()) if shared else 0.0
