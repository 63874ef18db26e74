"""The workflow's functions: one judges a model, one writes down what it is told."""

import json
import os
from typing import Any


def judge(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Say whether a model is good enough, by the loss that the event names."""
    loss = float(event.get("loss", "inf"))
    limit = float(os.environ["LOSS_LIMIT"])
    is_good = loss <= limit
    print(json.dumps({"level": "INFO" if is_good else "ERROR", "loss": str(loss), "limit": limit}))
    return {"verdict": "good" if is_good else "poor", "loss": str(loss)}


def note(event: dict[str, Any], _context: object) -> None:
    """Write an event, a message of a topic or a bucket's notification, into the log."""
    print(json.dumps(event))
