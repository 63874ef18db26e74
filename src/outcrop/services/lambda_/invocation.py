"""Invoking functions: waiting for the answer, as an event that nobody waits for, or only asking whether one may."""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from outcrop.aws.operation import operation
from outcrop.functions.code import Invocation
from outcrop.services.lambda_ import event_queue, running
from outcrop.services.lambda_.errors import (
    InvalidRequestContentException,
    RequestEntityTooLarge,
)
from outcrop.services.lambda_.identifiers import Reference, find, read
from outcrop.services.lambda_.running import Call
from outcrop.services.platform import Context

# Lambda quotas, "Invocation payload".
_MOST_BYTES = 6_291_456
_MOST_EVENT_BYTES = 1_048_576
_CHUNK_BYTES = 65_536
EVENT, DRY_RUN, TAIL = "Event", "DryRun", "Tail"


@operation("lambda:Invoke")
async def invoke(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Call a function.

    With InvocationType Event the call is accepted durably, and answered before the function is run.

    Raises:
        ResourceNotFoundException: no such function, version or alias.
        InvalidRequestContentException: the payload is no JSON, or the client context none.
        RequestEntityTooLargeException: the payload is too large.
        TooManyRequestsException: too many calls at once.
        ResourceConflictException, AccessDeniedException, ServiceException, KMS…: it cannot be run.
    """
    reference = read(request, context)
    kind = request.get("InvocationType", "RequestResponse")
    call = _call(request, reference, context, _MOST_EVENT_BYTES if kind == EVENT else _MOST_BYTES)
    if kind == DRY_RUN:
        find(context.platform.database.reader, reference)
        return {"StatusCode": 204}
    if kind == EVENT:
        find(context.platform.database.reader, reference)
        await event_queue.accept(context.platform, call)
        return {"StatusCode": 202, "Payload": b""}
    answer = await running.run(context.platform, call)
    return {
        "StatusCode": 200,
        "ExecutedVersion": answer.executed_version,
        "FunctionError": answer.function_error or None,
        "LogResult": _log_result(answer, call),
        "Payload": answer.payload,
    }


@operation("lambda:InvokeWithResponseStream")
async def invoke_with_response_stream(
    request: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Call a function and return its answer as a stream of pieces.

    A handler that returns its answer whole is answered in pieces of it, as in AWS.

    Raises:
        ResourceNotFoundException and the others of Invoke.
    """
    reference = read(request, context)
    call = _call(request, reference, context, _MOST_BYTES)
    if request.get("InvocationType") == DRY_RUN:
        find(context.platform.database.reader, reference)
        return {"StatusCode": 204}
    answer = await running.run(context.platform, call)
    return {
        "StatusCode": 200,
        "ExecutedVersion": answer.executed_version,
        "EventStream": _pieces(answer, call),
    }


async def _pieces(answer: Invocation, call: Call) -> AsyncIterator[dict[str, Any]]:
    complete: dict[str, Any] = {}
    if answer.function_error:
        complete = {"ErrorCode": answer.function_error, "ErrorDetails": answer.payload.decode()}
    else:
        for start in range(0, len(answer.payload), _CHUNK_BYTES):
            yield {"PayloadChunk": {"Payload": answer.payload[start : start + _CHUNK_BYTES]}}
    if (log_result := _log_result(answer, call)) is not None:
        complete["LogResult"] = log_result
    yield {"InvokeComplete": complete}


def _call(
    request: Mapping[str, Any], reference: Reference, context: Context, most_bytes: int
) -> Call:
    payload: bytes = request.get("Payload") or b"{}"
    if len(payload) > most_bytes:
        raise RequestEntityTooLarge(
            f"Request must be smaller than {most_bytes} bytes for the InvokeFunction operation"
        )
    try:
        json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestContentException(
            f"Could not parse request body into json: Could not parse payload into json: {error}"
        ) from error
    return Call(
        reference,
        payload,
        context.request_id,
        client_context=_client_context(request.get("ClientContext", "")),
        trace_id=context.headers.get("x-amzn-trace-id", ""),
        wants_log=request.get("LogType") == TAIL,
    )


def _client_context(encoded: str) -> str:
    if not encoded:
        return ""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        json.loads(text)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidRequestContentException(
            f"Client context must be a valid Base64-encoded JSON object: {error}"
        ) from error
    return text


def _log_result(answer: Invocation, call: Call) -> str | None:
    return base64.b64encode(answer.log_tail).decode() if call.wants_log else None
