"""What is kept of an invocation: its record, where the region logs them, and its metrics."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import orjson

from outcrop.aws.errors import ServiceError, ThrottlingException
from outcrop.governance.invocation_log import Configuration
from outcrop.services.bedrock_runtime.generation import Stopwatch
from outcrop.services.bedrock_runtime.targets import Target
from outcrop.services.platform import Context

_NAMESPACE = "AWS/Bedrock"
_JSON = "application/json"
_CLIENT_ERRORS = 500  # statuses below it
# Of a Converse request: all but the model and what the record has members for.
_NOT_OF_THE_BODY = frozenset({"modelId", "requestMetadata"})


class Recording:
    """An invocation from its beginning to its end, for a `with` block around the operation.

    Whatever leaves the block as an error is recorded as one. Success is recorded by `finish`, before the answer (its
    last piece, where it is streamed) is sent.

    Args:
        request: of the operation.
        context: of the call.

    Attributes:
        target: the model, as soon as it is known; calls for models that do not exist are no model's metrics.
    """

    __slots__ = ("_configuration", "_context", "_is_done", "_request", "target")

    def __init__(self, request: Mapping[str, Any], context: Context) -> None:
        self.target: Target | None = None
        self._request = request
        self._context = context
        self._is_done = False
        self._configuration = context.platform.invocation_log.configuration(context.region)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if isinstance(error, ServiceError):
            self.fail(error)

    @property
    def is_logged(self) -> bool:
        """Whether the region logs invocations with what was said in them."""
        return self._configuration is not None and self._configuration.wants_text

    def finish(
        self,
        output: Any,
        input_tokens: int | None,
        output_tokens: int,
        latency_ms: int,
        first_ms: int | None = None,
    ) -> None:
        """Record an answer.

        Args:
            output: its body as JSON values.
            input_tokens: None where they were not counted apart.
            output_tokens: of the answer.
            latency_ms: to the last token.
            first_ms: to the first one, where the answer was streamed.
        """
        if self._is_done:
            return
        self._is_done = True
        self._count("Invocations", 1.0, "Count")
        self._count("InvocationLatency", latency_ms, "Milliseconds")
        if input_tokens is not None:
            self._count("InputTokenCount", input_tokens, "Count")
        self._count("OutputTokenCount", output_tokens, "Count")
        if first_ms is not None:
            self._count("TimeToFirstToken", first_ms, "Milliseconds")
        if self._configuration is None:
            return
        answer: dict[str, Any] = {"outputContentType": _JSON}
        if self.is_logged:
            answer["outputBodyJson"] = output
        answer["outputTokenCount"] = output_tokens
        self._write(self._configuration, self._input(input_tokens), answer, "")

    def cut_short(self, output: Any, stopwatch: Stopwatch) -> None:
        """Record what was said until a client left its stream; nothing where the end was recorded already."""
        if not self._is_done:
            self.finish(output, None, 0, stopwatch.elapsed_ms, stopwatch.first_ms)

    def fail(self, error: ServiceError) -> None:
        """Record an error."""
        if self._is_done:
            return
        self._is_done = True
        if isinstance(error, ThrottlingException):
            self._count("InvocationThrottles", 1.0, "Count")
        elif error.status < _CLIENT_ERRORS:
            self._count("InvocationClientErrors", 1.0, "Count")
        else:
            self._count("InvocationServerErrors", 1.0, "Count")
        if self._configuration is not None:
            self._write(self._configuration, self._input(None), None, error.code)

    def _count(self, name: str, value: float, unit: str) -> None:
        target = self.target
        if target is not None:
            context = self._context
            context.platform.metrics.count(
                _NAMESPACE, name, {"ModelId": target.model_id}, value, unit, region=context.region
            )

    def _input(self, tokens: int | None) -> dict[str, Any]:
        request = self._request
        found: dict[str, Any] = {"inputContentType": _JSON}
        if self.is_logged:
            if "body" in request:
                found |= _body(request["body"])
            else:
                found["inputBodyJson"] = {
                    name: value for name, value in request.items() if name not in _NOT_OF_THE_BODY
                }
        if tokens is not None:
            found["inputTokenCount"] = tokens
        return found

    def _write(
        self,
        configuration: Configuration,
        question: Mapping[str, Any],
        answer: Mapping[str, Any] | None,
        failure: str,
    ) -> None:
        context = self._context
        moment = context.received_at
        record: dict[str, Any] = {
            "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}Z",
            "accountId": context.account_id,
            "identity": {"arn": context.principal.arn},
            "region": context.region,
            "requestId": context.request_id,
            "operation": context.operation,
            "modelId": self._request["modelId"],
        }
        if metadata := self._request.get("requestMetadata"):
            # JSON in a header of InvokeModel, a mapping in the body of Converse.
            record["requestMetadata"] = _values(metadata) if isinstance(metadata, str) else metadata
        if failure:
            record["errorCode"] = failure
        record["input"] = question
        if answer is not None:
            record["output"] = answer
        record["schemaType"] = "ModelInvocationLog"
        record["schemaVersion"] = "1.0"
        context.platform.invocation_log.record(configuration, record)


def _body(body: bytes) -> dict[str, Any]:
    return {"inputBodyJson": _values(body)}


def _values(text: bytes | str) -> Any:
    """Return what JSON says; what is none is recorded as it came."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.decode("utf-8", "replace") if isinstance(text, bytes) else text
