"""Where the REST protocols put members outside the body: path, query, headers and status.

Both REST protocols share this; they differ in how a body is read and written (`BodyFormat`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from outcrop.aws.http import BufferedStream, HttpRequest, HttpResponse
from outcrop.aws.protocols.contract import (
    Parameters,
    RequestParser,
    Result,
    is_event_stream,
    is_streaming,
)
from outcrop.aws.protocols.text_values import (
    header_list_reader,
    header_list_writer,
    text_reader,
    text_writer,
    write_header_text,
)

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

_REQUEST_LOCATIONS = ("uri", "querystring", "header", "headers")
_RESPONSE_LOCATIONS = ("header", "headers", "statusCode")

# Reads one kind of binding into the parameters.
Binder = Callable[[HttpRequest, Mapping[str, str], Parameters], None]
HeaderList = list[tuple[str, str]]
HeaderWriter = Callable[[Any, HeaderList], None]


class BodyFormat(Protocol):
    """How a REST protocol reads and writes bodies."""

    content_type: str

    def structure_reader(self, shape: Shape, names: list[str]) -> Callable[[bytes], Parameters]:
        """Return a function from a non-empty body to the named members of the shape."""

    def payload_reader(self, shape: Shape) -> Callable[[bytes], Any]:
        """Return a function from a non-empty body to the value of a payload member."""

    def structure_writer(
        self, operation_name: str, shape: Shape, names: list[str]
    ) -> Callable[[Result], bytes]:
        """Return a function from the named members to a body."""

    def payload_writer(self, member_name: str, shape: Shape) -> Callable[[Any], bytes]:
        """Return a function from the value of a payload member to a body."""


def body_members(shape: Shape, locations: tuple[str, ...]) -> list[str]:
    """Return the members of a shape that no location takes out of the body."""
    return [
        name
        for name, member in shape.members.items()
        if member.serialization.get("location") not in locations
    ]


# --- requests -------------------------------------------------------------------------------------


def compile_request(operation: OperationModel, body: BodyFormat) -> RequestParser:
    """Return the parser of an operation of a REST protocol."""
    shape = operation.input_shape
    if shape is None:
        return lambda _request, _labels: {}
    binders = _binders(shape)
    read_body = _body_binder(shape, body)
    if read_body is not None:
        binders.append(read_body)

    def parse(request: HttpRequest, labels: Mapping[str, str]) -> Parameters:
        parameters: Parameters = {}
        for bind in binders:
            bind(request, labels, parameters)
        return parameters

    return parse


def _binders(shape: Shape) -> list[Binder]:
    labels, queries, headers = [], [], []
    binders: list[Binder] = []
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        wire_name = member.serialization.get("name", name)
        if location == "uri":
            labels.append((name, wire_name, text_reader(member)))
        elif location == "header":
            read = header_list_reader(member) if member.type_name == "list" else text_reader(member)
            headers.append((name, wire_name.lower(), read))
        elif location == "headers":
            binders.append(_header_prefix_binder(name, wire_name.lower()))
        elif location == "querystring" and member.type_name == "map":
            binders.append(_query_map_binder(name, member))
        elif location == "querystring":
            is_list = member.type_name == "list"
            read = text_reader(member.member if is_list else member)
            queries.append((name, wire_name, is_list, read))
    if headers:
        binders.insert(0, _header_binder(tuple(headers)))
    if queries:
        binders.insert(0, _query_binder(tuple(queries)))
    if labels:
        binders.insert(0, _label_binder(tuple(labels)))
    return binders


def _label_binder(labels: tuple[Any, ...]) -> Binder:
    def bind(_request: HttpRequest, found: Mapping[str, str], parameters: Parameters) -> None:
        for name, label, read in labels:
            value = found.get(label)
            if value is not None:
                parameters[name] = read(value)

    return bind


def _query_binder(queries: tuple[Any, ...]) -> Binder:
    def bind(request: HttpRequest, _labels: Mapping[str, str], parameters: Parameters) -> None:
        if not request.query_string:
            return
        query = request.query
        for name, wire_name, is_list, read in queries:
            values = query.get(wire_name)
            if values is not None:
                parameters[name] = [read(value) for value in values] if is_list else read(values[0])

    return bind


def _header_binder(headers: tuple[Any, ...]) -> Binder:
    def bind(request: HttpRequest, _labels: Mapping[str, str], parameters: Parameters) -> None:
        sent = request.headers
        for name, header, read in headers:
            value = sent.get(header)
            if value is not None:
                parameters[name] = read(value)

    return bind


def _header_prefix_binder(name: str, prefix: str) -> Binder:
    start = len(prefix)

    def bind(request: HttpRequest, _labels: Mapping[str, str], parameters: Parameters) -> None:
        found = {
            header[start:]: value
            for header, value in request.headers.items()
            if header.startswith(prefix)
        }
        if found:
            parameters[name] = found

    return bind


def _query_map_binder(name: str, shape: Shape) -> Binder:
    is_list = shape.value.type_name == "list"

    def bind(request: HttpRequest, _labels: Mapping[str, str], parameters: Parameters) -> None:
        # The map holds every parameter, bound ones too (Smithy, httpQueryParams); a presigned URL
        # carries its signature in the query, which is never a member.
        found = {
            key: values if is_list else values[0]
            for key, values in request.query.items()
            if not key.startswith("X-Amz-")
        }
        if found:
            parameters[name] = found

    return bind


def _body_binder(shape: Shape, body: BodyFormat) -> Binder | None:
    payload = shape.serialization.get("payload")
    if payload is None:
        names = body_members(shape, _REQUEST_LOCATIONS)
        if not names:
            return None
        read_members = body.structure_reader(shape, names)

        def bind(request: HttpRequest, _labels: Mapping[str, str], parameters: Parameters) -> None:
            if request.body:
                parameters.update(read_members(request.body))

        return bind
    member = shape.members[payload]
    if is_streaming(member) or is_event_stream(member):
        return _stream_binder(payload)
    if member.type_name in ("blob", "string"):
        return _raw_binder(payload, member.type_name == "string")
    return _payload_binder(payload, body.payload_reader(member), payload in shape.required_members)


def _stream_binder(name: str) -> Binder:
    def bind(request: HttpRequest, _labels: Mapping[str, str], parameters: Parameters) -> None:
        stream = request.stream
        parameters[name] = BufferedStream(request.body) if stream is None else stream

    return bind


def _raw_binder(name: str, is_text: bool) -> Binder:
    def bind(request: HttpRequest, _labels: Mapping[str, str], parameters: Parameters) -> None:
        if request.body:
            parameters[name] = request.body.decode("utf-8", "replace") if is_text else request.body

    return bind


def _payload_binder(name: str, read: Callable[[bytes], Any], is_required: bool) -> Binder:
    def bind(request: HttpRequest, _labels: Mapping[str, str], parameters: Parameters) -> None:
        if request.body:
            value = read(request.body)
            # Clients write an absent payload as an empty body or an empty object.
            if is_required or value != {}:
                parameters[name] = value

    return bind


# --- responses ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Writes the members of an output shape that stand outside the body.

    Attributes:
        headers: writer of each member that goes into headers.
        status_member: name of the member that is the status, if any.
    """

    headers: Mapping[str, HeaderWriter]
    status_member: str | None

    @classmethod
    def compile(cls, shape: Shape) -> ResponseHead:
        """Return the head of an output or error shape."""
        headers: dict[str, HeaderWriter] = {}
        status_member = None
        for name, member in shape.members.items():
            location = member.serialization.get("location")
            wire_name = member.serialization.get("name", name)
            if location == "header":
                headers[name] = _header_writer(wire_name, member)
            elif location == "headers":
                headers[name] = _header_prefix_writer(wire_name)
            elif location == "statusCode":
                status_member = name
        return cls(headers, status_member)

    def write(self, response: HttpResponse, result: Result) -> dict[str, Any]:
        """Put the located members into the response and return the others, without those of None."""
        rest = {}
        headers = self.headers
        for name, value in result.items():
            if value is None:
                continue
            write = headers.get(name)
            if write is not None:
                write(value, response.headers)
            elif name == self.status_member:
                response.status = int(value)
            else:
                rest[name] = value
        return rest


def _header_writer(header: str, shape: Shape) -> HeaderWriter:
    if shape.type_name == "list":
        write_list = header_list_writer(shape)

        def add_list(value: Any, headers: HeaderList) -> None:
            if value:
                headers.append((header, write_list(value)))

        return add_list
    write = text_writer(shape, "rfc822")

    def add(value: Any, headers: HeaderList) -> None:
        headers.append((header, write(value)))

    return add


def _header_prefix_writer(prefix: str) -> HeaderWriter:
    def add(value: Mapping[str, str], headers: HeaderList) -> None:
        for name, item in value.items():
            headers.append((prefix + write_header_text(name), write_header_text(item)))

    return add


def compile_body_writer(
    operation_name: str, shape: Shape, body: BodyFormat
) -> Callable[[dict[str, Any], HttpResponse], None]:
    """Return the function that writes what is left of a result into the response's body.

    An event stream is left to the protocol.
    """
    payload = shape.serialization.get("payload")
    if payload is None:
        names = body_members(shape, _RESPONSE_LOCATIONS)
        write_members = body.structure_writer(operation_name, shape, names)

        def write_structure(rest: dict[str, Any], response: HttpResponse) -> None:
            if names or rest:
                response.body = write_members(rest)
                add_content_type(response, body.content_type)

        return write_structure
    member = shape.members[payload]
    if member.type_name in ("blob", "string"):
        return _raw_writer(payload, "application/octet-stream", "text/plain")
    write_value = body.payload_writer(payload, member)

    def write_payload(rest: dict[str, Any], response: HttpResponse) -> None:
        value = rest.get(payload)
        if value is not None:
            response.body = write_value(value)
        add_content_type(response, body.content_type)

    return write_payload


def _raw_writer(
    payload: str, blob_type: str, text_type: str
) -> Callable[[dict[str, Any], HttpResponse], None]:
    def write_raw(rest: dict[str, Any], response: HttpResponse) -> None:
        content = rest.get(payload, b"")
        is_text = isinstance(content, str)
        response.body = content.encode() if is_text else content
        add_content_type(response, text_type if is_text else blob_type)

    return write_raw


def add_content_type(response: HttpResponse, content_type: str) -> None:
    """Add a Content-Type unless a member of the result already gave one."""
    for name, _ in response.headers:
        if name.lower() == "content-type":
            return
    response.headers.append(("Content-Type", content_type))
