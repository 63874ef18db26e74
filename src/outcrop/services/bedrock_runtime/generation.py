"""Running a model for an operation: engine events out, engine failures as AWS's errors."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from outcrop.aws.errors import ServiceError, ValidationException
from outcrop.core.errors import EngineError, EngineGone, EngineNotReady
from outcrop.core.weights import Weights
from outcrop.inference.client import EngineClient
from outcrop.inference.engine import Finished, GenerationRequest, PromptRejected, TextDelta
from outcrop.services import model_keys
from outcrop.services.bedrock_runtime.errors import (
    ModelErrorException,
    ModelNotReadyException,
    ModelStreamErrorException,
)
from outcrop.services.bedrock_runtime.targets import Target
from outcrop.services.platform import Context

_ENGINE_FAILED = 500  # originalStatusCode: what a model server would have answered
_MOST_ENGINES = 3  # that may die on one request: what kills each of them is the request
_Given = TypeVar("_Given")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    text: str
    finished: Finished
    latency_ms: int


class Stopwatch:
    """Milliseconds since an operation began."""

    def __init__(self) -> None:
        self._start_seconds = time.monotonic()
        self.first_ms: int | None = None

    @property
    def elapsed_ms(self) -> int:
        """Whole milliseconds so far."""
        return round((time.monotonic() - self._start_seconds) * 1000)

    def note_first(self) -> None:
        """Remember when the first token came."""
        if self.first_ms is None:
            self.first_ms = self.elapsed_ms


@asynccontextmanager
async def engine_of(
    target: Target, context: Context
) -> AsyncIterator[tuple[EngineClient, Weights]]:
    """Give the target's engine and unlocked weights; failures inside the block are raised as AWS's errors.

    Raises:
        AccessDeniedException: the caller may not use the model's KMS key.
        ValidationException: the prompt was too long or malformed.
        ModelNotReadyException: the engine is still loading.
        ModelErrorException: it failed.
    """
    try:
        platform = context.platform
        weights = await model_keys.unlock(
            platform, target.weights, context.principal, context.region
        )
        yield await platform.engines.engine(weights), weights
    except EngineError as error:
        raise _as_service_error(error, target) from error


async def generate(request: GenerationRequest, target: Target, context: Context) -> Answer:
    """Return the whole answer; ends with the caller, within one token when it is cancelled.

    Raises:
        ServiceError: as `engine_of`.
    """
    stopwatch = Stopwatch()

    async def ask(engine: EngineClient, weights: Weights) -> tuple[str, Finished]:
        pieces: list[str] = []
        finished: Finished | None = None
        async for event in engine.generate(request, weights.adapter, weights.adapter_key):
            if isinstance(event, Finished):
                finished = event
            else:
                pieces.append(event.text)
        assert finished is not None, "an answer ends with Finished"
        return "".join(pieces), finished

    text, finished = await _ask_living(ask, target, context)
    return Answer(text, finished, stopwatch.elapsed_ms)


async def open_stream(
    request: GenerationRequest, target: Target, context: Context
) -> "TokenStream":
    """Return the answer as it is generated, once its first event is there: errors until then are plain errors.

    Raises:
        ServiceError: as `engine_of`.
    """
    stopwatch = Stopwatch()

    async def ask(
        engine: EngineClient, weights: Weights
    ) -> tuple[TextDelta | Finished, AsyncIterator[TextDelta | Finished]]:
        events = engine.generate(request, weights.adapter, weights.adapter_key)
        return await anext(events), events

    first, events = await _ask_living(ask, target, context)
    stopwatch.note_first()
    return TokenStream(first, events, stopwatch)


async def _ask_living(
    ask: Callable[[EngineClient, Weights], Awaitable[_Given]], target: Target, context: Context
) -> _Given:
    """Ask the target's engine; where it is killed meanwhile ask a new one, since nothing was given out yet.

    Raises:
        ServiceError: as `engine_of`.
    """
    for remaining in reversed(range(_MOST_ENGINES)):
        try:
            async with engine_of(target, context) as (engine, weights):
                return await ask(engine, weights)
        except ModelErrorException as error:
            if not remaining or not isinstance(error.__cause__, EngineGone):
                raise
    raise AssertionError("the last engine answered or raised")


class TokenStream:
    """The events of an answer that has begun.

    Args:
        first: the event that is already there.
        events: those after it.
        stopwatch: runs since the operation began.
    """

    def __init__(
        self,
        first: TextDelta | Finished,
        events: AsyncIterator[TextDelta | Finished],
        stopwatch: Stopwatch,
    ) -> None:
        self._first = first
        self._events = events
        self.stopwatch = stopwatch

    async def __aiter__(self) -> AsyncIterator[TextDelta | Finished]:
        """Yield the events; closing the iterator stops the generation.

        Raises:
            ModelStreamErrorException: the engine failed on the way.
        """
        try:
            yield self._first
            async for event in self._events:
                yield event
        except EngineError as error:
            raise ModelStreamErrorException(
                str(error), originalStatusCode=_ENGINE_FAILED, originalMessage=str(error)
            ) from error
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Stop the generation."""
        close: Any = getattr(self._events, "aclose", None)  # an async generator has it
        if close is not None:
            await close()


def refuse_guardrail(identifier: str | None) -> None:
    """Refuse a call that wants a guardrail: answering without one would be worse than not answering.

    Raises:
        ValidationException: an identifier is given.
    """
    if identifier:
        raise ValidationException(
            f"The guardrail {identifier} cannot be applied: guardrails are not offered by this server yet."
            " Retry without a guardrail identifier."
        )


def _as_service_error(error: EngineError, target: Target) -> ServiceError:
    if isinstance(error, PromptRejected):
        return ValidationException(str(error))
    if isinstance(error, EngineNotReady):
        return ModelNotReadyException(str(error))
    return ModelErrorException(
        str(error), originalStatusCode=_ENGINE_FAILED, resourceName=target.model_id
    )
