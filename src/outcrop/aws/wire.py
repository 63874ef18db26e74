"""The wire in four functions: parse a request, validate it, serialize a response or an error."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from outcrop.aws.errors import SerializationException, ServiceError
from outcrop.aws.http import HttpRequest, HttpResponse
from outcrop.aws.protocols import json_rpc, query, rest_json, rest_xml, rpc_v2_cbor
from outcrop.aws.protocols.contract import ErrorReply
from outcrop.aws.routing import Route

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
# What a compressed body may grow to; a small body can hide gigabytes.
_LARGEST_BODY_BYTES = 32 * 1024 * 1024
# JSON and CBOR services answer every error of the caller with 400.
_FLAT_STATUS_PROTOCOLS = ("json", "smithy-rpc-v2-cbor")


def parse_request(route: Route, request: HttpRequest) -> dict[str, Any]:
    """Return the parameters as boto3 would be given them.

    Blobs are bytes, timestamps aware datetimes in UTC, a streaming blob is the request's ByteStream. Unknown
    members are ignored.

    Raises:
        SerializationException: the request does not have the protocol's form.
    """
    plan = route.plan
    if plan.accepts_gzip and request.headers.get("content-encoding", "").endswith("gzip"):
        request = replace(request, body=_decompress(request.body))
    try:
        return plan.parse(request, route.path_parameters)
    except RecursionError:
        raise SerializationException("The request is nested too deeply") from None


def _decompress(body: bytes) -> bytes:
    reader = zlib.decompressobj(wbits=_GZIP_WINDOW)
    try:
        content = reader.decompress(body, _LARGEST_BODY_BYTES)
    except zlib.error as error:
        raise SerializationException(f"The request body is not valid gzip: {error}") from None
    if reader.unconsumed_tail or not reader.eof:
        raise SerializationException("The compressed request body is cut off or too large")
    return content


def validate(route: Route, parameters: Mapping[str, Any]) -> None:
    """Raise ValidationException (or the service's word for it) if the model's constraints are broken."""
    route.plan.validate(parameters)


def serialize_response(
    route: Route, result: Mapping[str, Any] | None, request_id: str
) -> HttpResponse:
    """Return the response to a result of wire names.

    A streaming member may be bytes, an async iterator of bytes or a FileRange and becomes the body as it is;
    of an event stream member (an async iterator of {event: members}) the body streams the frames. Content-Length
    is left to the server, except where it is a member of the result.

    Raises:
        UnmodelledMemberError: the result has a member that the model does not know.
    """
    return route.plan.serialize(result or {}, request_id)


def serialize_error(
    route_or_protocol: Route | str, error: ServiceError, request_id: str
) -> HttpResponse:
    """Return an error in the protocol of the call.

    Args:
        route_or_protocol: the route, or the protocol's name where there is none (`routing.guess_protocol`);
            "rest-xml" alone means S3.
        error: what was raised.
        request_id: of the call.
    """
    if isinstance(route_or_protocol, str):
        return _without_route(route_or_protocol, error, request_id)
    plan = route_or_protocol.plan
    shape = plan.service.error_shape(error.code)
    status = plan.error_status(error)
    if plan.protocol in _FLAT_STATUS_PROTOCOLS:
        status = 400 if status < 500 else status
    code = error.code if shape is None else shape.error_code
    reply = ErrorReply(
        code=code,
        status=status,
        message=error.message,
        fields=error.fields,
        shape=shape,
        request_id=request_id,
        sender_fault=status < 500,
        is_head=plan.model.http.get("method") == "HEAD",
    )
    return plan.codec.serialize_error(reply)


def _without_route(protocol: str, error: ServiceError, request_id: str) -> HttpResponse:
    status = error.status
    if protocol in _FLAT_STATUS_PROTOCOLS:
        status = 400 if status < 500 else status
    reply = ErrorReply(
        code=error.code,
        status=status,
        message=error.message,
        fields=error.fields,
        shape=None,
        request_id=request_id,
        sender_fault=status < 500,
    )
    if protocol == "rest-json":
        return rest_json.serialize_error(reply)
    if protocol == "query":
        return query.serialize_error(reply, "")
    if protocol == "json":
        return json_rpc.serialize_error(reply)
    if protocol == "smithy-rpc-v2-cbor":
        return rpc_v2_cbor.serialize_error(reply)
    return rest_xml.serialize_s3_error(reply)
