"""The query protocol: form-encoded parameters in, XML out. IAM, STS, SES, SNS, and CloudWatch for old clients.

A form is flat ("Tags.member.1.Key=x"); it is first folded into a tree along its dots, then read by shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from outcrop.aws.errors import SerializationException
from outcrop.aws.http import HttpRequest, HttpResponse
from outcrop.aws.protocols.contract import (
    Convert,
    ErrorReply,
    Parameters,
    RequestParser,
    ResponseSerializer,
)
from outcrop.aws.protocols.text_values import text_reader
from outcrop.aws.protocols.xml_shapes import (
    XmlEncoder,
    escape_text,
    member_element_name,
    other_element_names,
)

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape

# Between one tag and the next; text has no bare "<" or ">".
_TAGS_MEET = re.compile(r"(?<=>)(?=<)")
# A node of the tree: its own text stands under the empty name.
_Tree = dict[str, Any]


def fold_form(fields: Iterable[tuple[str, str]]) -> _Tree:
    """Return a form as a tree along the dots of its names."""
    root: _Tree = {}
    for name, value in fields:
        node = root
        for part in name.split("."):
            node = node.setdefault(part, {})
        node[""] = value
    return root


def _numbered(node: _Tree) -> list[_Tree]:
    """Return the entries 1, 2, … of a list or map in order."""
    entries = []
    for name, child in node.items():
        if name:
            if not name.isdigit():
                raise SerializationException(f"Expected a list index, found {name!r:.100}")
            entries.append((int(name), child))
    entries.sort(key=lambda entry: entry[0])
    return [child for _, child in entries]


class FormDecoder:
    """Compiles shapes into functions from a tree node to a value; one per service."""

    def __init__(self) -> None:
        self._structures: dict[str, Convert] = {}

    def compile(self, shape: Shape) -> Convert:
        """Return the decoder of a shape."""
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        read = text_reader(shape)
        return lambda node: read(node.get("", ""))

    def _structure(self, shape: Shape) -> Convert:
        known = self._structures.get(shape.name)
        if known is not None:
            return known
        members: dict[str, tuple[str, Convert]] = {}

        def decode(node: _Tree) -> Parameters:
            result = {}
            for name, child in node.items():
                entry = members.get(name)
                if entry is not None:
                    result[entry[0]] = entry[1](child)
            return result

        # Registered before its members are compiled: shapes may contain themselves.
        self._structures[shape.name] = decode
        for name, member in shape.members.items():
            members[member_element_name(name, member)] = (name, self.compile(member))
        for name, member in shape.members.items():
            for other in other_element_names(name, member):
                members.setdefault(other, (name, self.compile(member)))
        return decode

    def _list(self, shape: Shape) -> Convert:
        read_item = self.compile(shape.member)
        wrapper = _wrapper(shape, shape.member.serialization.get("name", "member"))
        return lambda node: [read_item(child) for child in _numbered(wrapper(node))]

    def _map(self, shape: Shape) -> Convert:
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        read_key, read_value = self.compile(shape.key), self.compile(shape.value)
        wrapper = _wrapper(shape, "entry")

        def decode(node: _Tree) -> dict[str, Any]:
            return {
                read_key(child.get(key_name, {})): read_value(child.get(value_name, {}))
                for child in _numbered(wrapper(node))
            }

        return decode


def _wrapper(shape: Shape, item_name: str) -> Callable[[_Tree], _Tree]:
    if shape.serialization.get("flattened"):
        return lambda node: node
    return lambda node: node.get(item_name, {})


class Query:
    """The query protocol over one service model."""

    def __init__(self, service: ServiceModel) -> None:
        self._decoder = FormDecoder()
        self._encoder = XmlEncoder()
        self._namespace: str = service.metadata.get("xmlNamespace", "")

    def compile_parser(self, operation: OperationModel) -> RequestParser:
        """Return a function from a form, in the body or the query, to the parameters."""
        shape = operation.input_shape
        if shape is None:
            return lambda _request, _labels: {}
        decode = self._decoder.compile(shape)

        def parse(request: HttpRequest, _labels: Mapping[str, str]) -> Parameters:
            fields = parse_qsl(request.query_string, keep_blank_values=True)
            try:
                fields += parse_qsl(request.body.decode(), keep_blank_values=True)
            except UnicodeDecodeError as error:
                raise SerializationException(f"The form is not UTF-8: {error}") from None
            parameters: Parameters = decode(fold_form(fields))
            return parameters

        return parse

    def compile_serializer(self, operation: OperationModel) -> ResponseSerializer:
        """Return a function from a result and a request id to <…Response><…Result>…."""
        name, shape = operation.name, operation.output_shape
        opening = f"<{name}Response{_xmlns(self._namespace)}>"
        closing = f"</RequestId></ResponseMetadata></{name}Response>"
        write: Callable[[Any], str] = lambda _result: ""  # noqa: E731  # the same type as below
        if shape is not None:
            wrapper = shape.serialization.get("resultWrapper", f"{name}Result")
            write = self._encoder.compile_members(shape, shape.members, wrapper)

        def serialize(result: Any, request_id: str) -> HttpResponse:
            body = indented(
                f"{opening}{write(result)}<ResponseMetadata><RequestId>{request_id}{closing}"
            )
            return HttpResponse(
                200,
                [("x-amzn-RequestId", request_id), ("Content-Type", "text/xml")],
                body.encode("utf-8", "replace"),
            )

        return serialize

    def serialize_error(self, error: ErrorReply) -> HttpResponse:
        """Return the error in an <ErrorResponse> of the service's namespace."""
        return serialize_error(error, self._namespace)


def indented(xml: str) -> str:
    """Return XML with each element on lines of its own, as AWS writes it; its length shows in histories of executions.

    An element of text alone stays on one line.
    """
    lines: list[str] = []
    depth = 0
    follows_opening = False
    for piece in _TAGS_MEET.split(xml):
        # "<a>text</a>" or "<a/>", "</a>", "<a>"
        is_closing = piece.startswith("</")
        if is_closing:
            depth -= 1
            if follows_opening:
                lines[-1] += piece
            else:
                lines.append(f"{'  ' * depth}{piece}")
        else:
            lines.append(f"{'  ' * depth}{piece}")
        follows_opening = not is_closing and "</" not in piece and not piece.endswith("/>")
        depth += follows_opening
    return "\n".join(lines) + "\n"


def _xmlns(namespace: str) -> str:
    return f' xmlns="{namespace}"' if namespace else ""


def serialize_error(error: ErrorReply, namespace: str) -> HttpResponse:
    """Return an error in an <ErrorResponse>, its members beside code and message."""
    extra = ""
    if error.shape is not None:
        members = {
            name: value for name, value in error.members().items() if name.lower() != "message"
        }
        written = XmlEncoder().compile_members(error.shape, error.shape.members, "Error")(members)
        extra = written.removeprefix("<Error>").removesuffix("</Error>")
    message = f"<Message>{escape_text(error.message)}</Message>" if error.message else ""
    body = indented(
        f"<ErrorResponse{_xmlns(namespace)}><Error>"
        f"<Type>{'Sender' if error.sender_fault else 'Receiver'}</Type>"
        f"<Code>{escape_text(error.code)}</Code>{message}{extra}</Error><RequestId>{error.request_id}</RequestId></ErrorResponse>"
    )
    return HttpResponse(
        error.status,
        [("x-amzn-RequestId", error.request_id), ("Content-Type", "text/xml")],
        body.encode("utf-8", "replace"),
    )
