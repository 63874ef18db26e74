"""What botocore writes we read back, and what we write botocore reads back, for every operation.

Values are drawn from each operation's shapes; botocore's own serializer and parser stand on the other side.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.eventstream import EventStream
from botocore.handlers import parse_get_bucket_location
from botocore.model import OperationModel, Shape
from botocore.parsers import PROTOCOL_PARSERS
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aws.drawn_values import draw_structure, draw_value
from outcrop.aws import service_models
from outcrop.aws.http import BufferedStream, HttpRequest, HttpResponse
from outcrop.aws.routing import Route, Router
from outcrop.aws.wire import parse_request, serialize_response, validate

SERVICES = ("bedrock", "bedrock-runtime", "s3", "stepfunctions", "iam", "sts", "kms", "lambda")
FURTHER_SERVICES = ("cloudwatch", "sesv2", "ses", "sns", "events", "logs", "secretsmanager")
# S3 keeps these at the path of their successors, and cannot tell them apart itself.
SUPERSEDED = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}
HOST = "http://127.0.0.1:4566"


def repeat(
    examples: int, strategy: st.SearchStrategy[Any], check: Callable[[Any, Any], None], of: Any
) -> None:
    """Run a check of something on drawn values; a new run repeats the same ones."""

    @given(strategy)
    def run(value: Any) -> None:
        check(of, value)

    settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(run)()


@st.composite
def members_of(draw: Any, shape: Shape | None) -> dict[str, Any]:
    return {} if shape is None else draw_structure(draw, shape, 0)


def pruned(value: Any) -> Any:
    """Leave out what is empty: on the wire it cannot be told from what is absent."""
    if isinstance(value, dict):
        kept = {name: pruned(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item not in (None, {}, [], b"", "")}
    if isinstance(value, list):
        return [pruned(item) for item in value]
    if isinstance(value, BufferedStream):
        return asyncio.run(collect(value))
    return value


async def collect(pieces: Any) -> bytes:
    return b"".join([piece async for piece in pieces])


def written_by_botocore(operation: OperationModel, parameters: dict[str, Any]) -> HttpRequest:
    serializer = create_serializer(operation.service_model.protocol, include_validation=False)
    description = serializer.serialize_to_request(parameters, operation)
    description.setdefault("context", {})
    prepare_request_dict(description, endpoint_url=HOST, context={})
    prepared = create_request_object(description).prepare()
    path, _, query = prepared.url.partition("//")[2].partition("?")
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value
        for name, value in prepared.headers.items()
    }
    headers["host"] = "127.0.0.1:4566"
    if "ContentLength" not in parameters:
        # The HTTP library's, not the caller's; S3 has a member for it.
        headers.pop("content-length", None)
    body = prepared.body or b""
    if not isinstance(body, bytes):
        body = body.encode() if isinstance(body, str) else bytes(body.read())
    return HttpRequest(prepared.method, "/" + path.partition("/")[2], query, headers, body)


def check_requests(service_name: str, examples: int) -> None:
    router = Router([*SERVICES, *FURTHER_SERVICES])
    service = service_models.load(service_name)
    for name in sorted(service.operation_names):
        operation = service.model.operation_model(name)
        if operation.has_event_stream_input:
            continue
        repeat(examples, members_of(operation.input_shape), check_request, (router, operation))


def check_request(of: tuple[Router, OperationModel], parameters: dict[str, Any]) -> None:
    router, operation = of
    service_name = operation.service_model.service_name
    request = written_by_botocore(operation, parameters)
    route = router.match(request, service_models.describe(service_name).signing_name)
    expected = SUPERSEDED.get(operation.name, operation.name)
    assert (route.service, route.operation) == (service_name, expected)
    if expected == operation.name:
        found = parse_request(route, request)
        assert pruned(found) == pruned(parameters)
        validate(route, parameters)


class WholeBody:
    """A body as botocore's event stream reader takes it."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self) -> list[bytes]:
        return [self.content]

    def close(self) -> None:
        """Nothing is open."""


def read_by_botocore(operation: OperationModel, response: HttpResponse) -> dict[str, Any]:
    content = (
        response.body if isinstance(response.body, bytes) else asyncio.run(collect(response.body))
    )
    is_streaming = operation.has_streaming_output or operation.has_event_stream_output
    message = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": WholeBody(content) if is_streaming else content,
        "context": {"operation_name": operation.name},
    }
    parser = PROTOCOL_PARSERS[operation.service_model.protocol]()
    parsed = dict(parser.parse(message, operation.output_shape))
    if operation.name == "GetBucketLocation":
        parse_get_bucket_location(parsed, SimpleNamespace(raw=content, content=content))
    # botocore reads no request id where CBOR has no output.
    assert parsed.pop("ResponseMetadata").get("RequestId", "request-1") == "request-1"
    return {name: read_stream(value) for name, value in parsed.items()}


def read_stream(value: Any) -> Any:
    if isinstance(value, WholeBody):
        return value.content
    return list(value) if isinstance(value, EventStream) else value


@st.composite
def results_of(draw: Any, shape: Shape | None) -> dict[str, Any]:
    if shape is None:
        return {}
    result = draw_structure(draw, shape, 0)
    for name, member in shape.members.items():
        if member.serialization.get("location") == "statusCode":
            result[name] = draw(st.integers(200, 299))
    if shape.event_stream_name is not None:
        stream = shape.members[shape.event_stream_name]
        names = [name for name, m in stream.members.items() if not m.metadata.get("exception")]
        events = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
        result[shape.event_stream_name] = [
            {name: draw_value(draw, stream.members[name], None, 1)} for name in events
        ]
    return result


async def events_of(events: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    for event in events:
        yield event


def check_responses(service_name: str, examples: int) -> None:
    service = service_models.load(service_name)
    for name in sorted(service.operation_names):
        if name in SUPERSEDED:
            continue
        plan = service.operation(name)
        route = Route(service_name, name, {}, plan.protocol, plan)
        repeat(examples, results_of(plan.model.output_shape), check_response, route)


def check_response(route: Route, result: dict[str, Any]) -> None:
    operation = route.plan.model
    streamed = dict(result)
    stream = operation.output_shape and operation.output_shape.event_stream_name
    if stream:
        streamed[stream] = events_of(result[stream])
    response = serialize_response(route, streamed, "request-1")
    parsed = read_by_botocore(operation, response)
    # The wire gives each body a Content-Type; some operations have a member for that header.
    for name, member in operation.output_shape.members.items() if operation.output_shape else ():
        is_type = member.serialization.get("name", "").lower() == "content-type"
        if is_type and (stream or name not in result):
            parsed.pop(name, None)
            result.pop(name, None)
    assert pruned(parsed) == pruned(result)


@pytest.mark.parametrize("service_name", SERVICES)
def test_requests_that_botocore_writes_are_read_back(service_name: str) -> None:
    check_requests(service_name, examples=2)


@pytest.mark.parametrize("service_name", SERVICES)
def test_responses_are_read_back_by_botocore(service_name: str) -> None:
    check_responses(service_name, examples=2)


@pytest.mark.slow
@pytest.mark.parametrize("service_name", [*SERVICES, *FURTHER_SERVICES])
def test_many_requests_and_responses_survive_the_wire(service_name: str) -> None:
    check_requests(service_name, examples=6)
    check_responses(service_name, examples=6)
