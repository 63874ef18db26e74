"""The rest-xml protocol, with what only S3 does.

The service models do not say how S3 names the roots of its answers, nor that GetBucketLocation has no wrapper;
both are data here, from the S3 API reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from outcrop.aws.errors import SerializationException
from outcrop.aws.http import HttpRequest, HttpResponse
from outcrop.aws.protocols import http_binding
from outcrop.aws.protocols.contract import ErrorReply, Parameters, RequestParser, ResponseSerializer
from outcrop.aws.protocols.event_stream import EventStreamWriter
from outcrop.aws.protocols.xml_shapes import (
    XmlDecoder,
    XmlEncoder,
    escape_text,
    namespace_attribute,
    parse_xml,
)
from outcrop.aws.validation import MALFORMED_XML

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

# Root element of S3's answers where it is not the output shape's name without "Output".
_S3_ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListDirectoryBuckets": "ListAllMyDirectoryBucketsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListParts": "ListPartsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "CreateSession": "CreateSessionResult",
    "GetBucketAcl": "AccessControlPolicy",
    "GetObjectAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycle": "LifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotification": "NotificationConfiguration",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetObjectTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetObjectAttributes": "GetObjectAttributesResponse",
}
_S3_UNWRAPPED = frozenset({"GetBucketLocation"})


class XmlBody:
    """XML bodies of a REST protocol.

    Args:
        namespace: of the whole service, or "".
        is_s3: whether S3's names of root elements apply.
    """

    content_type = "application/xml"

    def __init__(self, namespace: str, is_s3: bool) -> None:
        self._decoder = XmlDecoder()
        self._encoder = XmlEncoder()
        self._is_s3 = is_s3
        self._namespace = f' xmlns="{namespace}"' if namespace else ""

    def structure_reader(self, shape: Shape, names: list[str]) -> Callable[[bytes], Parameters]:
        """Return a function from a document to the named members of the shape."""
        decode = self._decoder.compile_members(shape, names)
        return lambda body: decode(self._parse(body))

    def payload_reader(self, shape: Shape) -> Callable[[bytes], Any]:
        """Return a function from a document to the value of a payload member."""
        decode = self._decoder.compile(shape)
        return lambda body: decode(self._parse(body))

    def _parse(self, body: bytes) -> ET.Element:
        try:
            return parse_xml(body)
        except SerializationException as error:
            if self._is_s3:
                error.code, error.message = "MalformedXML", MALFORMED_XML
            raise

    def structure_writer(
        self, operation_name: str, shape: Shape, names: list[str]
    ) -> Callable[[Any], bytes]:
        """Return a function from the named members to a document."""
        if not names:
            return lambda _result: b""
        if self._is_s3 and operation_name in _S3_UNWRAPPED:
            (name,) = names
            root = f"<{name}{self._namespace}>"
            return lambda result: (
                _DECLARATION + f"{root}{escape_text(result.get(name) or '')}</{name}>".encode()
            )
        root_name = shape.serialization.get("name", shape.name)
        if self._is_s3:
            root_name = _S3_ROOTS.get(operation_name, shape.name.removesuffix("Output"))
        write = self._encoder.compile_members(
            shape, names, root_name, namespace_attribute(shape) or self._namespace
        )
        return lambda result: _DECLARATION + write(result).encode("utf-8", "replace")

    def payload_writer(self, member_name: str, shape: Shape) -> Callable[[Any], bytes]:
        """Return a function from the value of a payload member to a document."""
        root_name = shape.serialization.get("name", shape.name if self._is_s3 else member_name)
        write = self._encoder.compile_members(
            shape, shape.members, root_name, namespace_attribute(shape) or self._namespace
        )
        return lambda value: _DECLARATION + write(value).encode("utf-8", "replace")


class XmlEvents:
    """Events with XML payloads."""

    content_type = "text/xml"

    def __init__(self) -> None:
        self._encoder = XmlEncoder()

    def writer(self, shape: Shape, names: list[str] | None) -> Callable[[Any], bytes]:
        """Return a function from a structure to a document named after its shape."""
        name = shape.serialization.get("name", shape.name)
        members = shape.members if names is None else names
        if not members:
            return lambda _value: b""
        write = self._encoder.compile_members(shape, members, name)
        return lambda value: write(value).encode("utf-8", "replace")


class RestXml:
    """rest-xml over one service model."""

    def __init__(self, service: ServiceModel) -> None:
        self._is_s3 = service.service_name == "s3"
        namespace = service.metadata.get("xmlNamespace", S3_NAMESPACE if self._is_s3 else "")
        if isinstance(namespace, dict):
            namespace = namespace["uri"]
        self._body = XmlBody(namespace, self._is_s3)

    def compile_parser(self, operation: OperationModel) -> RequestParser:
        """Return a function from a request and its path labels to the parameters."""
        parse = http_binding.compile_request(operation, self._body)
        return _in_s3_words(parse) if self._is_s3 else parse

    def compile_serializer(self, operation: OperationModel) -> ResponseSerializer:
        """Return a function from a result and a request id to the response."""
        status = operation.http.get("responseCode", 200)
        shape = operation.output_shape
        request_headers = s3_request_headers if self._is_s3 else _request_headers
        if shape is None:
            return lambda _result, request_id: HttpResponse(status, request_headers(request_id))
        head = http_binding.ResponseHead.compile(shape)
        events = EventStreamWriter.for_rest(shape, XmlEvents())
        write_body = (
            events.write_body
            if events is not None
            else http_binding.compile_body_writer(operation.name, shape, self._body)
        )
        is_head = operation.http["method"] == "HEAD"
        is_s3 = self._is_s3

        def serialize(result: Any, request_id: str) -> HttpResponse:
            response = HttpResponse(status, request_headers(request_id))
            rest = head.write(response, result)
            if is_s3 and "ContentRange" in result:
                response.status = HTTPStatus.PARTIAL_CONTENT  # the model knows one status only
            if not is_head:
                write_body(rest, response)
            return response

        return serialize

    def serialize_error(self, error: ErrorReply) -> HttpResponse:
        """Return the error as S3's bare <Error>, or in an <ErrorResponse> for other services."""
        if self._is_s3:
            return serialize_s3_error(error)
        response = HttpResponse(error.status, _request_headers(error.request_id))
        members = {
            name: value for name, value in error.members().items() if name.lower() != "message"
        }
        extra = ""
        if error.shape is not None:
            rest = http_binding.ResponseHead.compile(error.shape).write(response, members)
            names = http_binding.body_members(error.shape, ("header", "headers", "statusCode"))
            written = XmlEncoder().compile_members(error.shape, names, "Error")(rest)
            extra = written.removeprefix("<Error>").removesuffix("</Error>")
        message = f"<Message>{escape_text(error.message)}</Message>" if error.message else ""
        body = (
            f"<ErrorResponse><Error><Type>{'Sender' if error.sender_fault else 'Receiver'}</Type>"
            f"<Code>{escape_text(error.code)}</Code>{message}"
            f"{extra}</Error><RequestId>{error.request_id}</RequestId></ErrorResponse>"
        )
        response.body = _DECLARATION + body.encode("utf-8", "replace")
        response.headers.append(("Content-Type", "application/xml"))
        return response


def _in_s3_words(parse: RequestParser) -> RequestParser:
    def parse_for_s3(request: HttpRequest, labels: Mapping[str, str]) -> Parameters:
        try:
            return parse(request, labels)
        except SerializationException as error:
            if error.code == SerializationException.code:
                error.code = "InvalidArgument"
            raise

    return parse_for_s3


def _request_headers(request_id: str) -> list[tuple[str, str]]:
    return [("x-amzn-RequestId", request_id)]


def s3_request_headers(request_id: str) -> list[tuple[str, str]]:
    """Return the two headers by which S3 names a request."""
    return [("x-amz-request-id", request_id), ("x-amz-id-2", request_id)]


def serialize_s3_error(error: ErrorReply) -> HttpResponse:
    """Return an error as S3 writes it: <Error> as the root, nothing at all for HEAD.

    Fields of the error become elements by their names, such as BucketName or Resource.
    """
    response = HttpResponse(error.status, s3_request_headers(error.request_id))
    if error.is_head or error.status in (204, 304):
        return response
    fields = "".join(
        f"<{name}>{escape_text(str(value))}</{name}>"
        for name, value in error.fields.items()
        if value is not None
    )
    body = (
        f"<Error><Code>{escape_text(error.code)}</Code>"
        f"<Message>{escape_text(error.message)}</Message>{fields}"
        f"<RequestId>{error.request_id}</RequestId><HostId>{error.request_id}</HostId></Error>"
    )
    response.body = _DECLARATION + body.encode("utf-8", "replace")
    response.headers.append(("Content-Type", "application/xml"))
    return response
