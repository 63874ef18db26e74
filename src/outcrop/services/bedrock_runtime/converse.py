"""Converse and ConverseStream: one form of conversation for every model."""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import operation
from outcrop.inference.engine import Finished
from outcrop.services.bedrock_runtime.conversation import read_request
from outcrop.services.bedrock_runtime.generation import (
    TokenStream,
    generate,
    open_stream,
    refuse_guardrail,
)
from outcrop.services.bedrock_runtime.recording import Recording
from outcrop.services.bedrock_runtime.targets import find_target
from outcrop.services.platform import Context

if TYPE_CHECKING:
    from types_boto3_bedrock_runtime.type_defs import (
        ConverseRequestTypeDef,
        ConverseStreamRequestTypeDef,
    )

_STOP_REASONS = {
    "end_turn": "end_turn",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "context_window": "model_context_window_exceeded",
}


@operation("bedrock-runtime:Converse")
async def converse(request: "ConverseRequestTypeDef", context: Context) -> dict[str, Any]:
    """Answer a conversation with the assistant's next message.

    Raises:
        ValidationException: bad identifier, conversation or prompt.
        ResourceNotFoundException: no such throughput or deployment.
        ModelNotReadyException: the model is still loading.
        ModelErrorException: the engine failed.
    """
    with Recording(request, context) as recording:
        refuse_guardrail((request.get("guardrailConfig") or {}).get("guardrailIdentifier"))
        target = recording.target = find_target(request["modelId"], context)
        answer = await generate(read_request(request, target.base), target, context)
        finished = answer.finished
        response = {
            "output": _output(answer.text),
            **_stop(request, finished),
            **_totals(request, finished, answer.latency_ms),
        }
        recording.finish(response, finished.input_tokens, finished.output_tokens, answer.latency_ms)
    return response


@operation("bedrock-runtime:ConverseStream")
async def converse_stream(
    request: "ConverseStreamRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Answer a conversation piece by piece.

    Raises:
        ServiceError: as `converse`, before the first token; later failures end the stream.
    """
    with Recording(request, context) as recording:
        refuse_guardrail((request.get("guardrailConfig") or {}).get("guardrailIdentifier"))
        target = recording.target = find_target(request["modelId"], context)
        stream = await open_stream(read_request(request, target.base), target, context)
    return {"stream": _events(request, stream, recording)}


async def _events(
    request: Mapping[str, Any], stream: TokenStream, recording: Recording
) -> AsyncIterator[dict[str, Any]]:
    pieces: list[str] = []
    try:
        yield {"messageStart": {"role": "assistant"}}
        async for event in stream:
            if not isinstance(event, Finished):
                pieces.append(event.text)
                delta = {"delta": {"text": event.text}, "contentBlockIndex": 0}
                yield {"contentBlockDelta": delta}
                continue
            stop = _stop(request, event)
            latency_ms = stream.stopwatch.elapsed_ms
            totals = _totals(request, event, latency_ms)
            # Recorded as the whole message that it was, before its end is sent.
            recording.finish(
                {"output": _output("".join(pieces)), **stop, **totals},
                event.input_tokens,
                event.output_tokens,
                latency_ms,
                stream.stopwatch.first_ms,
            )
            yield {"contentBlockStop": {"contentBlockIndex": 0}}
            yield {"messageStop": stop}
            yield {"metadata": totals}
    except ServiceError as error:
        recording.fail(error)
        raise
    finally:
        await stream.aclose()
        recording.cut_short({"output": _output("".join(pieces))}, stream.stopwatch)


def _output(text: str) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": [{"text": text}]}}


def _stop(request: Mapping[str, Any], finished: Finished) -> dict[str, Any]:
    stop: dict[str, Any] = {"stopReason": _STOP_REASONS[finished.stop_reason]}
    # JSON pointers into the model's own response; one that points at nothing is passed over, as on AWS.
    if "/stop_sequence" in (request.get("additionalModelResponseFieldPaths") or ()):
        stop["additionalModelResponseFields"] = {"stop_sequence": finished.stop_sequence}
    return stop


def _totals(request: Mapping[str, Any], finished: Finished, latency_ms: int) -> dict[str, Any]:
    return {
        "usage": {
            "inputTokens": finished.input_tokens,
            "outputTokens": finished.output_tokens,
            "totalTokens": finished.input_tokens + finished.output_tokens,
        },
        "metrics": {"latencyMs": latency_ms},
        **{
            name: request[name]
            for name in ("performanceConfig", "serviceTier")
            if request.get(name)
        },
    }
