"""The server's end of the connection to one engine process."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from outcrop.core.errors import EngineError, EngineGone
from outcrop.inference.engine import (
    EngineStatistics,
    Finished,
    GenerationRequest,
    Prompt,
    PromptRejected,
    Score,
    TextDelta,
    prompt_to_wire,
)
from outcrop.inference.wire import FrameProtocol, Message, encode_frame

_GONE: Message = {
    "error": "gone",
    "message": "the model's engine stopped while it worked on this",
}


class EngineClient:
    """An Engine that asks a process over its socket; any number of requests at once."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[Message]] = {}
        self._protocol: FrameProtocol | None = None
        self.closed = asyncio.Event()
        self.last_used_seconds = 0.0

    @classmethod
    async def connect(cls, socket: Path) -> "EngineClient":
        """Return a client of the engine that listens on a Unix socket.

        Raises:
            OSError: nobody listens there.
        """
        client = cls()
        loop = asyncio.get_running_loop()
        client.last_used_seconds = loop.time()
        _, client._protocol = await loop.create_unix_connection(
            lambda: FrameProtocol(client._receive, client._lose), str(socket)
        )
        return client

    @property
    def is_busy(self) -> bool:
        """Whether requests are under way."""
        return bool(self._waiting)

    async def generate(
        self, request: GenerationRequest, adapter: Path | None = None, key: bytes | None = None
    ) -> AsyncIterator[TextDelta | Finished]:
        """Yield the answer piece by piece; see Engine.generate."""
        message: Message = asdict(request) | _adapter_fields(adapter, key)
        number, answers = self._ask("generate", message)
        finished = False
        try:
            while not finished:
                answer = await answers.get()
                finished = answer.get("event") != "text"
                yield _event(answer)
        finally:
            self._forget(number)
            if not finished:
                self._send({"id": number, "op": "cancel"})

    async def count_tokens(self, prompt: Prompt, adapter: Path | None = None) -> int:
        """Return how many input tokens the prompt makes; see Engine.count_tokens."""
        del adapter  # adapters share their base's tokenizer
        answer = await self._call("count_tokens", {"prompt": prompt_to_wire(prompt)})
        return int(answer["tokens"])

    async def score(
        self,
        prompt: Prompt,
        completion: str,
        adapter: Path | None = None,
        key: bytes | None = None,
    ) -> Score:
        """Return the log-probability of a completion; see Engine.score."""
        answer = await self._call(
            "score",
            {
                "prompt": prompt_to_wire(prompt),
                "completion": completion,
                **_adapter_fields(adapter, key),
            },
        )
        return Score(answer["logprob_nats"], answer["tokens"])

    async def load_adapter(self, adapter: Path, key: bytes | None = None) -> None:
        """Have an adapter in memory before its first request.

        Raises:
            EngineError: it cannot be loaded or does not fit the model.
        """
        await self._call("load_adapter", _adapter_fields(adapter, key))

    async def statistics(self) -> EngineStatistics:
        """Return the engine's counters."""
        answer = await self._call("statistics", {})
        return EngineStatistics(**answer["statistics"])

    async def close(self) -> None:
        """Close the connection; running requests raise EngineError."""
        if self._protocol is not None:
            self._protocol.close()
            await self.closed.wait()

    async def _call(self, op: str, fields: Message) -> Message:
        number, answers = self._ask(op, fields)
        try:
            answer = await answers.get()
        finally:
            self._forget(number)
        _raise_error(answer)
        return answer

    def _ask(self, op: str, fields: Message) -> tuple[int, asyncio.Queue[Message]]:
        number = next(self._ids)
        answers: asyncio.Queue[Message] = asyncio.Queue()
        self._waiting[number] = answers
        if self.closed.is_set():
            answers.put_nowait(_GONE)
        else:
            self._send({**fields, "id": number, "op": op})
        return number, answers

    def _forget(self, number: int) -> None:
        self._waiting.pop(number, None)
        with suppress(RuntimeError):  # a generator may be finalized after its loop has ended
            self.last_used_seconds = asyncio.get_running_loop().time()

    def _send(self, message: Message) -> None:
        if self._protocol is not None:
            self._protocol.send(encode_frame(message))

    def _receive(self, message: Message, _: FrameProtocol) -> None:
        # Answers to a request that was given up still arrive until the engine has heard of it.
        answers = self._waiting.get(message["id"])
        if answers is not None:
            answers.put_nowait(message)

    def _lose(self, _: FrameProtocol) -> None:
        self.closed.set()
        for answers in self._waiting.values():
            answers.put_nowait(_GONE)


def _adapter_fields(adapter: Path | None, key: bytes | None) -> Message:
    return {
        "adapter": None if adapter is None else str(adapter),
        "adapter_key": None if key is None else key.hex(),
    }


def _event(answer: Message) -> TextDelta | Finished:
    _raise_error(answer)
    if answer["event"] == "text":
        return TextDelta(answer["text"], answer["output_tokens"])
    return Finished(
        answer["stop_reason"],
        answer["stop_sequence"],
        answer["input_tokens"],
        answer["output_tokens"],
    )


def _raise_error(answer: Message) -> None:
    kind = answer.get("error")
    if kind == "prompt":
        raise PromptRejected(answer["message"])
    if kind == "gone":
        raise EngineGone(answer["message"])
    if kind is not None:
        raise EngineError(answer["message"])
