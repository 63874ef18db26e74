"""Who runs when: requests wait, join the running batch after their prefill, and leave it at their last token.

One thread runs everything here but `submit`. A round takes new messages, admits waiting prompts up to a budget, and
decodes one token for every row, so that nobody's stream stalls for long behind another's prompt.
"""

import logging
import queue
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch
from jinja2 import TemplateError

from outcrop.core.errors import EngineError
from outcrop.inference.engine import (
    EngineStatistics,
    Prompt,
    PromptRejected,
    StopReason,
    prompt_from_wire,
)
from outcrop.inference.layout import encode_completion, encode_prompt
from outcrop.inference.native.adapters import Adapter
from outcrop.inference.native.answer import Detokenizer, StopMatcher
from outcrop.inference.native.cache import RowCache
from outcrop.inference.native.model import ScoredText, ServedModel
from outcrop.inference.native.sampling import Sampling, choose
from outcrop.inference.wire import Message

_MAX_ROWS = 32
_PREFILL_TOKENS_PER_ROUND = 1024
_SCORE_TOKENS_PER_BATCH = 4096
_SCORE_LOGITS_PER_BATCH = 1 << 26

Address = tuple[Hashable, int]  # connection and the request's id on it
Outbox = list[tuple[Hashable, Message]]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Generation:
    """A request that generates, and how far it is."""

    address: Address
    prompt_ids: list[int]
    token_limit: int
    ends_at_context: bool  # the limit is the context's, not the caller's
    adapter: Adapter | None
    sampling: Sampling
    detokenizer: Detokenizer
    stops: StopMatcher
    output_tokens: int = 0
    last_token: int = 0


@dataclass(slots=True)
class _Counters:
    generated_tokens: int = 0
    finished: int = 0
    cancelled: int = 0


class Scheduler:
    """Runs requests on a model.

    Args:
        model: what generates and scores.
        deliver: takes answers as (connection, message); called on the decode thread, at most twice a round.
    """

    def __init__(self, model: ServedModel, deliver: Callable[[Outbox], None]) -> None:
        self._model = model
        self._deliver = deliver
        self._inbox: queue.SimpleQueue[tuple[Hashable, Message | None]] = queue.SimpleQueue()
        self._waiting: deque[_Generation] = deque()
        self._running: list[_Generation] = []  # in the order of the cache's rows
        self._cache = model.new_cache()
        self._scores: list[tuple[Address, ScoredText]] = []
        self._outbox: Outbox = []
        self._counters = _Counters()

    def submit(self, connection: Hashable, message: Message | None) -> None:
        """Hand in a request; None says that the connection is gone. Safe from any thread."""
        self._inbox.put((connection, message))

    def run(self) -> None:
        """Work for ever."""
        with torch.inference_mode():
            while True:
                self._take_inbox()
                self._admit()
                self._send_out()
                if self._running:
                    self._decode()
                if self._scores:
                    self._score_batch()
                self._send_out()

    def _take_inbox(self) -> None:
        """Handle what has come in; waits for something when there is nothing to do."""
        wait = not (self._running or self._waiting or self._scores)
        while True:
            try:
                connection, message = self._inbox.get(block=wait)
            except queue.Empty:
                return
            if message is None:
                self._cancel(connection)
            else:
                self._handle(connection, message)
            wait = wait and not (self._running or self._waiting or self._scores or self._outbox)

    def _handle(self, connection: Hashable, message: Message) -> None:
        address = (connection, int(message["id"]))
        try:
            match message["op"]:
                case "generate":
                    self._waiting.append(self._new_generation(address, message))
                case "cancel":
                    self._cancel(connection, address[1])
                case "score":
                    self._scores.append((address, self._new_score(message)))
                case "count_tokens":
                    tokens = len(self._prompt_ids(prompt_from_wire(message["prompt"])))
                    self._answer(address, event="result", tokens=tokens)
                case "load_adapter":
                    self._adapter(message)
                    self._answer(address, event="result")
                case "statistics":
                    self._answer(address, event="result", statistics=asdict(self.statistics()))
                case other:
                    self._answer(address, error="engine", message=f"unknown operation {other!r}")
        except PromptRejected as error:
            self._answer(address, error="prompt", message=str(error))
        except EngineError as error:
            self._answer(address, error="engine", message=str(error))
        except Exception as error:  # one bad request must not end the others
            log.exception("request failed")
            self._answer(address, error="engine", message=f"{type(error).__name__}: {error}")

    def statistics(self) -> EngineStatistics:
        """Return the counters since the start."""
        return EngineStatistics(
            generated_tokens=self._counters.generated_tokens,
            running=len(self._running),
            waiting=len(self._waiting),
            finished=self._counters.finished,
            cancelled=self._counters.cancelled,
        )

    def _new_generation(self, address: Address, message: Message) -> _Generation:
        ids = self._prompt_ids(prompt_from_wire(message["prompt"]))
        room = self._model.context_tokens - len(ids)
        if room < 1:
            raise PromptRejected(
                f"Input is too long for requested model: the prompt has {len(ids)} tokens, the model's context"
                f" holds {self._model.context_tokens} with the answer"
            )
        wanted = message["max_tokens"]
        return _Generation(
            address=address,
            prompt_ids=ids,
            token_limit=room if wanted is None else min(wanted, room),
            ends_at_context=wanted is None or wanted > room,
            adapter=self._adapter(message),
            sampling=Sampling.from_parameters(
                message["temperature"], message["top_p"], message["top_k"], message["seed"]
            ),
            detokenizer=Detokenizer(self._model.tokenizer),
            stops=StopMatcher(message["stop_sequences"]),
        )

    def _new_score(self, message: Message) -> ScoredText:
        prompt = prompt_from_wire(message["prompt"])
        answer = {"role": "assistant", "content": message["completion"]}
        head = self._prompt_ids(prompt)
        with _template_errors():
            tail = encode_completion(
                self._model.tokenizer, [*_chat(prompt), answer], self._model.end_ids
            )
        ids = head + tail
        if len(ids) > self._model.context_tokens:
            raise PromptRejected(
                f"Input is too long for requested model: prompt and completion have {len(ids)} tokens, the"
                f" model's context holds {self._model.context_tokens}"
            )
        return ScoredText(ids, len(head), self._adapter(message))

    def _prompt_ids(self, prompt: Prompt) -> list[int]:
        tokenizer = self._model.tokenizer
        if prompt.text is not None:
            ids: list[int] = tokenizer.encode(prompt.text, add_special_tokens=True)
        else:
            with _template_errors():
                ids = encode_prompt(tokenizer, _chat(prompt), self._model.end_ids)
        if not ids:
            raise PromptRejected("the prompt is empty")
        return ids

    def _adapter(self, message: Message) -> Adapter | None:
        folder = message["adapter"]
        if folder is None:
            return None
        key = message.get("adapter_key")
        return self._model.adapters.load(folder, bytes.fromhex(key) if key else None)

    def _cancel(self, connection: Hashable, number: int | None = None) -> None:
        """Give up one request of a connection, or all of them."""

        def is_meant(address: Address) -> bool:
            return address[0] == connection and number in (None, address[1])

        before = len(self._waiting) + len(self._running)
        self._waiting = deque(one for one in self._waiting if not is_meant(one.address))
        self._scores = [one for one in self._scores if not is_meant(one[0])]
        self._keep([row for row, one in enumerate(self._running) if not is_meant(one.address)])
        self._counters.cancelled += before - len(self._waiting) - len(self._running)

    def _keep(self, rows: list[int]) -> None:
        if len(rows) < len(self._running):
            self._cache.select(rows)
            self._running = [self._running[row] for row in rows]

    def _admit(self) -> None:
        """Read waiting prompts, one at a time and so exactly as if alone, and add them to the batch."""
        budget = _PREFILL_TOKENS_PER_ROUND
        joined: list[_Generation] = []
        caches: list[RowCache] = []
        while self._waiting and budget > 0 and len(self._running) + len(joined) < _MAX_ROWS:
            generation = self._waiting.popleft()
            logits, cache = self._model.prefill(generation.prompt_ids, generation.adapter)
            budget -= len(generation.prompt_ids)
            if self._accept(generation, choose(logits, [generation.sampling])[0]):
                joined.append(generation)
                caches.append(cache)
        if joined:
            self._cache.join(caches, range(len(self._running)))
            self._running += joined

    def _decode(self) -> None:
        """Generate one token for every row."""
        rows = self._running
        logits = self._model.decode(
            [row.last_token for row in rows], self._cache, [row.adapter for row in rows]
        )
        tokens = choose(logits, [row.sampling for row in rows])
        self._keep(
            [
                index
                for index, (row, token) in enumerate(zip(rows, tokens, strict=True))
                if self._accept(row, token)
            ]
        )

    def _accept(self, generation: _Generation, token: int) -> bool:
        """Take a new token into an answer, send what is certain; returns whether the answer goes on."""
        generation.output_tokens += 1
        generation.last_token = token
        self._counters.generated_tokens += 1
        if token in self._model.end_ids:
            return self._finish(generation, "end_turn")
        self._send_text(generation, generation.stops.add(generation.detokenizer.add(token)))
        if generation.stops.matched is not None:
            return self._finish(generation, "stop_sequence")
        if generation.output_tokens >= generation.token_limit:
            return self._finish(
                generation, "context_window" if generation.ends_at_context else "max_tokens"
            )
        return True

    def _send_text(self, generation: _Generation, text: str) -> None:
        if text:
            self._answer(
                generation.address, event="text", text=text, output_tokens=generation.output_tokens
            )

    def _finish(self, generation: _Generation, reason: StopReason) -> bool:
        stops = generation.stops
        if stops.matched is None:
            text = stops.add(generation.detokenizer.finish())
            self._send_text(generation, text + (stops.finish() if stops.matched is None else ""))
        self._answer(
            generation.address,
            event="finished",
            stop_reason=reason if stops.matched is None else "stop_sequence",
            stop_sequence=stops.matched,
            input_tokens=len(generation.prompt_ids),
            output_tokens=generation.output_tokens,
        )
        self._counters.finished += 1
        return False

    def _score_batch(self) -> None:
        """Compute some waiting scores together, of similar length so that little is padded."""
        self._scores.sort(key=lambda item: len(item[1].ids))
        budget = min(
            _SCORE_TOKENS_PER_BATCH, _SCORE_LOGITS_PER_BATCH // self._model.vocabulary_size
        )
        count = 1
        while count < len(self._scores) and (count + 1) * len(self._scores[count][1].ids) <= budget:
            count += 1
        batch, self._scores = self._scores[:count], self._scores[count:]
        values = self._model.log_probabilities([text for _, text in batch])
        for (address, text), value in zip(batch, values, strict=True):
            tokens = len(text.ids) - text.prompt_tokens
            self._answer(address, event="result", logprob_nats=value, tokens=tokens)

    def _answer(self, address: Address, **fields: object) -> None:
        connection, number = address
        self._outbox.append((connection, {"id": number, **fields}))

    def _send_out(self) -> None:
        if self._outbox:
            self._deliver(self._outbox)
            self._outbox = []


def _chat(prompt: Prompt) -> list[dict[str, str]]:
    """Return the messages; plain text counts as what the user said."""
    return prompt.chat if prompt.text is None else [{"role": "user", "content": prompt.text}]


@contextmanager
def _template_errors() -> Iterator[None]:
    """Report a chat template's refusal as the caller's mistake."""
    try:
        yield
    except (TemplateError, ValueError) as error:
        raise PromptRejected(f"the model's chat template refuses the messages: {error}") from error
