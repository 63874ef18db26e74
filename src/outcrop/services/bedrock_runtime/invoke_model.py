"""InvokeModel and InvokeModelWithResponseStream: the vendor's own bodies."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.errors import ServiceError, ValidationException
from outcrop.aws.operation import operation
from outcrop.inference.dialects import InvalidBody, Invocation, parse_body
from outcrop.inference.dialects.invocation import ScoreRequest
from outcrop.inference.engine import Finished
from outcrop.services.bedrock_runtime.generation import (
    Stopwatch,
    TokenStream,
    engine_of,
    generate,
    open_stream,
    refuse_guardrail,
)
from outcrop.services.bedrock_runtime.recording import Recording
from outcrop.services.bedrock_runtime.targets import Target, find_target
from outcrop.services.platform import Context

if TYPE_CHECKING:
    from types_boto3_bedrock_runtime.type_defs import (
        InvokeModelRequestTypeDef,
        InvokeModelWithResponseStreamRequestTypeDef,
    )

_JSON = "application/json"
_ACCEPTED = {"", "*/*", "application/*", _JSON}


@operation("bedrock-runtime:InvokeModel")
async def invoke_model(request: "InvokeModelRequestTypeDef", context: Context) -> dict[str, Any]:
    """Answer a body in the vendor's form with a body in the vendor's form.

    Raises:
        ValidationException: bad identifier, body or prompt.
        ResourceNotFoundException: no such throughput or deployment.
        ModelNotReadyException: the model is still loading.
        ModelErrorException: the engine failed.
    """
    with Recording(request, context) as recording:
        target, invocation = _read(request, context, recording)
        if isinstance(invocation.request, ScoreRequest):
            body = await _score(invocation, invocation.request, target, context, recording)
        else:
            answer = await generate(invocation.request, target, context)
            finished = answer.finished
            tokens = finished.input_tokens, finished.output_tokens
            _report(context, answer.latency_ms, *tokens)
            body = invocation.render(answer.text, finished)
            recording.finish(body, *tokens, answer.latency_ms)
    return {"body": _encode(body), "contentType": _JSON, **_echoed(request)}


@operation("bedrock-runtime:InvokeModelWithResponseStream")
async def invoke_model_with_response_stream(
    request: "InvokeModelWithResponseStreamRequestTypeDef", context: Context
) -> dict[str, Any]:
    """Answer piece by piece, each chunk a body in the vendor's form.

    Raises:
        ServiceError: as `invoke_model`, before the first token; later failures end the stream.
    """
    with Recording(request, context) as recording:
        target, invocation = _read(request, context, recording)
        if isinstance(invocation.request, ScoreRequest):
            raise ValidationException(
                "A score is one number: ask for it with InvokeModel, not streamed"
            )
        stream = await open_stream(invocation.request, target, context)
    return {
        "body": _chunks(invocation, stream, recording),
        "contentType": _JSON,
        **_echoed(request),
    }


def _read(
    request: Mapping[str, Any], context: Context, recording: Recording
) -> tuple[Target, Invocation]:
    refuse_guardrail(request.get("guardrailIdentifier"))
    for name in ("contentType", "accept"):
        media_type = (request.get(name) or "").partition(";")[0].strip().lower()
        if media_type not in _ACCEPTED:
            raise ValidationException(f"{name} {media_type} is not supported: use {_JSON}")
    target = recording.target = find_target(request["modelId"], context)
    try:
        return target, parse_body(target.base.dialect, request.get("body", b""))
    except InvalidBody as error:
        raise ValidationException(str(error)) from error


async def _score(
    invocation: Invocation,
    request: ScoreRequest,
    target: Target,
    context: Context,
    recording: Recording,
) -> dict[str, object]:
    stopwatch = Stopwatch()
    async with engine_of(target, context) as (engine, weights):
        score = await engine.score(
            request.prompt, request.completion, weights.adapter, weights.adapter_key
        )
    latency_ms = stopwatch.elapsed_ms
    _report(context, latency_ms, None, score.tokens)
    body = invocation.render_score(score)
    recording.finish(body, None, score.tokens, latency_ms)
    return body


async def _chunks(
    invocation: Invocation, stream: TokenStream, recording: Recording
) -> AsyncIterator[dict[str, Any]]:
    pieces: list[str] = []
    bodies: list[Mapping[str, object]] = []
    try:
        async for event in stream:
            if isinstance(event, Finished):
                body = invocation.render_last_chunk("".join(pieces), event)
                latency_ms = stream.stopwatch.elapsed_ms
                body["amazon-bedrock-invocationMetrics"] = {
                    "inputTokenCount": event.input_tokens,
                    "outputTokenCount": event.output_tokens,
                    "invocationLatency": latency_ms,
                    "firstByteLatency": stream.stopwatch.first_ms,
                }
                recording.finish(
                    [*bodies, body],
                    event.input_tokens,
                    event.output_tokens,
                    latency_ms,
                    stream.stopwatch.first_ms,
                )
            else:
                pieces.append(event.text)
                body = invocation.render_chunk(event)
                if recording.is_logged:
                    bodies.append(body)
            yield {"chunk": {"bytes": _encode(body)}}
    except ServiceError as error:
        recording.fail(error)
        raise
    finally:
        await stream.aclose()
        recording.cut_short(bodies, stream.stopwatch)


def _encode(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _report(
    context: Context, latency_ms: int, input_tokens: int | None, output_tokens: int
) -> None:
    """Add the headers that AWS sends beside the modelled ones."""
    headers = context.response_headers
    headers.append(("X-Amzn-Bedrock-Invocation-Latency", str(latency_ms)))
    if input_tokens is not None:
        headers.append(("X-Amzn-Bedrock-Input-Token-Count", str(input_tokens)))
    headers.append(("X-Amzn-Bedrock-Output-Token-Count", str(output_tokens)))


def _echoed(request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: request[name]
        for name in ("performanceConfigLatency", "serviceTier")
        if request.get(name)
    }
