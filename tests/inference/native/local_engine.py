"""A scheduler in the test's own process."""

import itertools
import json
import queue
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from outcrop.inference.engine import GenerationRequest, Prompt, prompt_to_wire
from outcrop.inference.native.model import ServedModel
from outcrop.inference.native.scheduler import Outbox, Scheduler

Message = dict[str, Any]


class LocalEngine:
    """A scheduler in a thread of the test, spoken to in wire messages."""

    def __init__(self, folder: Path) -> None:
        self.model = ServedModel(folder, threads=1)
        self.scheduler = Scheduler(self.model, self._deliver)
        self._answers: dict[int, queue.Queue[Message]] = defaultdict(queue.Queue)
        self._ids = itertools.count(1)
        threading.Thread(target=self.scheduler.run, daemon=True).start()

    def _deliver(self, outbox: Outbox) -> None:
        for _, message in outbox:
            self._answers[message["id"]].put(message)

    def send(self, op: str, **fields: object) -> int:
        number = next(self._ids)
        # Through JSON as on the wire: tuples become lists.
        self.scheduler.submit("test", json.loads(json.dumps({"id": number, "op": op, **fields})))
        return number

    def start(self, request: GenerationRequest, adapter: Path | None = None) -> int:
        adapter_text = None if adapter is None else str(adapter)
        return self.send("generate", **asdict(request), adapter=adapter_text)

    def cancel(self, number: int) -> None:
        self.scheduler.submit("test", {"id": number, "op": "cancel"})

    def next_answer(self, number: int) -> Message:
        return self._answers[number].get(timeout=60)

    def collect(self, number: int) -> tuple[list[str], Message]:
        """Return the pieces of text and the last message of a generation."""
        pieces = []
        while (answer := self.next_answer(number)).get("event") == "text":
            pieces.append(answer["text"])
        return pieces, answer

    def generate(
        self, request: GenerationRequest, adapter: Path | None = None
    ) -> tuple[str, Message]:
        pieces, last = self.collect(self.start(request, adapter))
        return "".join(pieces), last

    def score(
        self, prompt: Prompt, completions: Sequence[str], adapter: Path | None = None
    ) -> list[Message]:
        adapter_text = None if adapter is None else str(adapter)
        numbers = [
            self.send("score", prompt=prompt_to_wire(prompt), completion=text, adapter=adapter_text)
            for text in completions
        ]
        return [self.next_answer(number) for number in numbers]

    def statistics(self) -> dict[str, int]:
        answer = self.next_answer(self.send("statistics"))
        statistics: dict[str, int] = answer["statistics"]
        return statistics
