"""The smithy-rpc-v2-cbor protocol: /service/X/operation/Y, CBOR both ways. CloudWatch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from outcrop.aws.http import HttpRequest, HttpResponse
from outcrop.aws.protocols.cbor_shapes import cbor_decoder, cbor_encoder, parse_cbor, write_cbor
from outcrop.aws.protocols.contract import (
    ErrorReply,
    Parameters,
    RequestParser,
    ResponseSerializer,
)
from outcrop.aws.protocols.event_stream import EventStreamWriter

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape

_CONTENT_TYPE = "application/cbor"
_PROTOCOL_HEADER = ("smithy-protocol", "rpc-v2-cbor")


class CborEvents:
    """Events with CBOR payloads."""

    content_type = _CONTENT_TYPE

    def __init__(self) -> None:
        self._encoder = cbor_encoder()

    def writer(self, shape: Shape, names: list[str] | None) -> Callable[[Any], bytes]:
        """Return a function from a structure to CBOR."""
        members = shape.members if names is None else names
        encode = self._encoder.compile_members(shape, members)
        return lambda value: write_cbor(encode(value))


class RpcV2Cbor:
    """smithy-rpc-v2-cbor over one service model."""

    def __init__(self, _service: ServiceModel) -> None:
        self._decoder = cbor_decoder()
        self._encoder = cbor_encoder()

    def compile_parser(self, operation: OperationModel) -> RequestParser:
        """Return a function from a CBOR body to the parameters."""
        shape = operation.input_shape
        if shape is None:
            return lambda _request, _labels: {}
        decode = self._decoder.compile(shape)

        def parse(request: HttpRequest, _labels: Mapping[str, str]) -> Parameters:
            parameters: Parameters = decode(parse_cbor(request.body)) if request.body else {}
            return parameters

        return parse

    def compile_serializer(self, operation: OperationModel) -> ResponseSerializer:
        """Return a function from a result and a request id to the response."""
        shape = operation.output_shape
        events = EventStreamWriter.for_rpc(shape, CborEvents())
        encode = None if shape is None else self._encoder.compile_members(shape, shape.members)

        def serialize(result: Any, request_id: str) -> HttpResponse:
            response = HttpResponse(200, [("x-amzn-RequestId", request_id), _PROTOCOL_HEADER])
            if events is not None:
                events.write_body(dict(result), response)
            elif encode is not None:
                response.headers.append(("Content-Type", _CONTENT_TYPE))
                response.body = write_cbor(encode(result))
            return response

        return serialize

    def serialize_error(self, error: ErrorReply) -> HttpResponse:
        """Return the error with its type in the body."""
        return serialize_error(error)


def serialize_error(error: ErrorReply) -> HttpResponse:
    """Return an error as a CBOR map whose __type is its code."""
    members = error.members()
    if error.shape is not None:
        members = cbor_encoder().compile_members(error.shape, error.shape.members)(members)
    return HttpResponse(
        error.status,
        [
            ("x-amzn-RequestId", error.request_id),
            _PROTOCOL_HEADER,
            ("Content-Type", _CONTENT_TYPE),
        ],
        write_cbor({"__type": error.code, **members}),
    )
