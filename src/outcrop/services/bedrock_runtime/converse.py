"""Converse and ConverseStream: one form of conversation for every model."""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.operation import operation
from outcrop.inference.engine import Finished
from outcrop.services.bedrock_runtime.conversation import read_request
from outcrop.services.bedrock_runtime.generation import (
    TokenStream,
    generate,
    open_stream,
    refuse_guardrail,
)
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
    refuse_guardrail((request.get("guardrailConfig") or {}).get("guardrailIdentifier"))
    target = find_target(request["modelId"], context)
    answer = await generate(read_request(request, target.base), target, context)
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": answer.text}]}},
        **_stop(request, answer.finished),
        **_totals(request, answer.finished, answer.latency_ms),
    }


@operation("bedrock-runtime:ConverseStream")
async def converse_stream(
    request: "ConverseStreamRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Answer a conversation piece by piece.

    Raises:
        ServiceError: as `converse`, before the first token; later failures end the stream.
    """
    refuse_guardrail((request.get("guardrailConfig") or {}).get("guardrailIdentifier"))
    target = find_target(request["modelId"], context)
    stream = await open_stream(read_request(request, target.base), target, context)
    return {"stream": _events(request, stream)}


async def _events(request: Mapping[str, Any], stream: TokenStream) -> AsyncIterator[dict[str, Any]]:
    try:
        yield {"messageStart": {"role": "assistant"}}
        async for event in stream:
            if not isinstance(event, Finished):
                delta = {"delta": {"text": event.text}, "contentBlockIndex": 0}
                yield {"contentBlockDelta": delta}
                continue
            yield {"contentBlockStop": {"contentBlockIndex": 0}}
            yield {"messageStop": _stop(request, event)}
            yield {"metadata": _totals(request, event, stream.stopwatch.elapsed_ms)}
    finally:
        await stream.aclose()


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
