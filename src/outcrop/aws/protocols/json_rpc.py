"""The JSON protocols 1.0 and 1.1: one path, the operation in X-Amz-Target, JSON both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.http import HttpRequest, HttpResponse
from outcrop.aws.protocols.contract import (
    ErrorReply,
    Parameters,
    RequestParser,
    ResponseSerializer,
)
from outcrop.aws.protocols.event_stream import EventStreamWriter, JsonEvents
from outcrop.aws.protocols.json_shapes import ShapeDecoder, ShapeEncoder, parse_json, write_json

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel


class JsonRpc:
    """The JSON protocol over one service model."""

    def __init__(self, service: ServiceModel) -> None:
        self._decoder = ShapeDecoder()
        self._encoder = ShapeEncoder()
        self._content_type = f"application/x-amz-json-{service.metadata.get('jsonVersion', '1.1')}"

    def compile_parser(self, operation: OperationModel) -> RequestParser:
        """Return a function from a JSON body to the parameters."""
        shape = operation.input_shape
        if shape is None:
            return lambda _request, _labels: {}
        decode = self._decoder.compile(shape)

        def parse(request: HttpRequest, _labels: Mapping[str, str]) -> Parameters:
            parameters: Parameters = decode(parse_json(request.body)) if request.body else {}
            return parameters

        return parse

    def compile_serializer(self, operation: OperationModel) -> ResponseSerializer:
        """Return a function from a result and a request id to the response."""
        shape = operation.output_shape
        content_type = self._content_type
        events = EventStreamWriter.for_rpc(shape, JsonEvents())
        encode = dict if shape is None else self._encoder.compile_members(shape, shape.members)

        def serialize(result: Any, request_id: str) -> HttpResponse:
            response = HttpResponse(200, [("x-amzn-RequestId", request_id)])
            if events is not None:
                events.write_body(dict(result), response)
                return response
            response.headers.append(("Content-Type", content_type))
            response.body = write_json(encode(result))
            return response

        return serialize

    def serialize_error(self, error: ErrorReply) -> HttpResponse:
        """Return the error with its type in the body."""
        return serialize_error(error, self._content_type)


def serialize_error(
    error: ErrorReply, content_type: str = "application/x-amz-json-1.1"
) -> HttpResponse:
    """Return an error as a JSON object whose __type is its code."""
    members = error.members()
    if error.shape is not None:
        members = ShapeEncoder().compile_members(error.shape, error.shape.members)(members)
    if not {"message", "Message"} & members.keys():
        # Some services' errors (CloudTrail's) are modelled without a message, and AWS sends one.
        members = {**members, "message": error.message}
    return HttpResponse(
        error.status,
        [("x-amzn-RequestId", error.request_id), ("Content-Type", content_type)],
        write_json({"__type": error.code, **members}),
    )
