"""The workflow's functions: one says what a job's end means, one writes down what it is told."""

import json
import os


def judge(event, context):
    """Say whether a model whose training ended is good enough, by the loss that the event names."""
    loss = float(event.get("loss", "inf"))
    limit = float(os.environ["LOSS_LIMIT"])
    print(json.dumps({"level": "INFO" if loss <= limit else "ERROR", "loss": loss, "limit": limit}))
    return {"verdict": "good" if loss <= limit else "poor", "loss": loss}


def note(event, context):
    """Write an event, a message of a topic or a bucket's notification, into the log."""
    print(json.dumps(event))
