"""The rest-json protocol: Bedrock, Bedrock Runtime, Lambda, SES v2."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from outcrop.aws.http import HttpResponse
from outcrop.aws.protocols import http_binding
from outcrop.aws.protocols.contract import ErrorReply, Parameters, RequestParser, ResponseSerializer
from outcrop.aws.protocols.event_stream import EventStreamWriter, JsonEvents
from outcrop.aws.protocols.json_shapes import ShapeDecoder, ShapeEncoder, parse_json, write_json

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape


class JsonBody:
    """JSON bodies of a REST protocol."""

    content_type = "application/json"

    def __init__(self) -> None:
        self._decoder = ShapeDecoder()
        self._encoder = ShapeEncoder()

    def structure_reader(self, shape: Shape, names: list[str]) -> Callable[[bytes], Parameters]:
        """Return a function from a JSON object to the named members of the shape."""
        decode = self._decoder.compile_members(shape, names)
        return lambda body: decode(parse_json(body))

    def payload_reader(self, shape: Shape) -> Callable[[bytes], Any]:
        """Return a function from a JSON text to the value of a payload member."""
        decode = self._decoder.compile(shape)
        return lambda body: decode(parse_json(body))

    def structure_writer(
        self, _operation_name: str, shape: Shape, names: list[str]
    ) -> Callable[[Any], bytes]:
        """Return a function from the named members to a JSON object."""
        encode = self._encoder.compile_members(shape, names)
        return lambda result: write_json(encode(result))

    def payload_writer(self, _member_name: str, shape: Shape) -> Callable[[Any], bytes]:
        """Return a function from the value of a payload member to JSON."""
        encode = self._encoder.compile(shape)
        if encode is None:
            return write_json
        convert = encode
        return lambda value: write_json(convert(value))


class RestJson:
    """rest-json over one service model."""

    def __init__(self, _service: ServiceModel) -> None:
        self._body = JsonBody()

    def compile_parser(self, operation: OperationModel) -> RequestParser:
        """Return a function from a request and its path labels to the parameters."""
        return http_binding.compile_request(operation, self._body)

    def compile_serializer(self, operation: OperationModel) -> ResponseSerializer:
        """Return a function from a result and a request id to the response."""
        status = operation.http.get("responseCode", 200)
        shape = operation.output_shape
        if shape is None:
            return lambda _result, request_id: HttpResponse(
                status, [("x-amzn-RequestId", request_id)]
            )
        head = http_binding.ResponseHead.compile(shape)
        events = EventStreamWriter.for_rest(shape, JsonEvents())
        write_body = (
            events.write_body
            if events is not None
            else http_binding.compile_body_writer(operation.name, shape, self._body)
        )

        def serialize(result: Any, request_id: str) -> HttpResponse:
            response = HttpResponse(status, [("x-amzn-RequestId", request_id)])
            write_body(head.write(response, result), response)
            return response

        return serialize

    def serialize_error(self, error: ErrorReply) -> HttpResponse:
        """Return the error with its type in a header and its members as a JSON object."""
        return serialize_error(error)


def serialize_error(error: ErrorReply) -> HttpResponse:
    """Return an error with its type in a header and its members as a JSON object."""
    response = HttpResponse(
        error.status,
        [("x-amzn-RequestId", error.request_id), ("x-amzn-ErrorType", error.code)],
    )
    members = error.members()
    body = JsonBody()
    if error.shape is None:
        response.body = write_json(members)
        http_binding.add_content_type(response, body.content_type)
        return response
    rest = http_binding.ResponseHead.compile(error.shape).write(response, members)
    if rest:
        http_binding.compile_body_writer(error.code, error.shape, body)(rest, response)
    else:
        # Clients take an error without a body for a failure of a proxy.
        response.body = write_json({"message": error.message})
        http_binding.add_content_type(response, body.content_type)
    return response
