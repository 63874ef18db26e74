"""Errors, streams and compressed bodies at the wire's four functions."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from outcrop.aws import service_models
from outcrop.aws.errors import (
    ResourceNotFoundException,
    SerializationException,
    ServiceError,
    ThrottlingException,
    ValidationException,
)
from outcrop.aws.http import HttpRequest
from outcrop.aws.protocols.contract import UnmodelledMemberError
from outcrop.aws.routing import Route
from outcrop.aws.wire import parse_request, serialize_error, serialize_response


def route(service: str, operation: str, protocol: str | None = None) -> Route:
    plan = service_models.load(service).operation(operation, protocol)
    return Route(service, operation, {}, plan.protocol, plan)


def coded(code: str, message: str, status: int = 400) -> ServiceError:
    error = ServiceError(message)
    error.code, error.status = code, status
    return error


def test_a_rest_json_error_has_its_type_in_a_header() -> None:
    error = ResourceNotFoundException("No such job")
    response = serialize_error(route("bedrock", "GetModelCustomizationJob"), error, "id")
    headers = dict(response.headers)
    assert (response.status, json.loads(response.body)) == (404, {"message": "No such job"})  # type: ignore[arg-type]
    assert (headers["x-amzn-ErrorType"], headers["x-amzn-RequestId"]) == (error.code, "id")


def test_the_operations_model_decides_the_status() -> None:
    error = ThrottlingException("Slow down")
    assert serialize_error(route("bedrock", "GetModelCustomizationJob"), error, "id").status == 429
    assert serialize_error(route("kms", "Encrypt"), error, "id").status == 400


def test_a_json_error_has_its_type_in_the_body() -> None:
    error = coded("NotFoundException", "No such key", 404)
    response = serialize_error(route("kms", "Encrypt"), error, "id")
    assert response.body == b'{"__type":"NotFoundException","message":"No such key"}'
    assert response.status == 400


def test_a_query_error_uses_the_modelled_code_and_status() -> None:
    error = coded("NoSuchEntityException", "No such <role>")
    response = serialize_error(route("iam", "GetRole"), error, "id")
    assert response.status == 404
    assert isinstance(response.body, bytes)
    assert b"<Code>NoSuchEntity</Code>\n" in response.body
    assert b"<Message>No such &lt;role&gt;</Message>\n" in response.body
    assert b'xmlns="https://iam.amazonaws.com/doc/2010-05-08/"' in response.body


def test_s3_errors_have_no_wrapper_and_heads_have_no_body() -> None:
    error = ServiceError("The specified key does not exist.", Key="a&b")
    error.code, error.status = "NoSuchKey", 404
    found = serialize_error(route("s3", "GetObject"), error, "id")
    head = serialize_error(route("s3", "HeadObject"), error, "id")
    assert isinstance(found.body, bytes)
    assert b"<Error><Code>NoSuchKey</Code>" in found.body
    assert b"<Key>a&amp;b</Key>" in found.body
    assert (found.status, head.status, head.body) == (404, 404, b"")
    assert dict(head.headers)["x-amz-request-id"] == "id"


@pytest.mark.parametrize(
    "protocol", ["rest-json", "rest-xml", "query", "json", "smithy-rpc-v2-cbor"]
)
def test_every_protocol_answers_without_a_route(protocol: str) -> None:
    response = serialize_error(protocol, ValidationException("Bad"), "id")
    assert response.status == 400
    assert isinstance(response.body, bytes)
    assert b"ValidationException" in response.body or protocol == "rest-json"


async def events(ends_with: Exception | None, closed: list[str]) -> AsyncIterator[dict[str, Any]]:
    try:
        yield {"chunk": {"bytes": b"one"}}
        if ends_with is not None:
            raise ends_with
    finally:
        closed.append("closed")


async def frames(stream: Any) -> list[Any]:
    buffer = EventStreamBuffer()
    async for piece in stream:
        buffer.add_data(piece)
    return list(buffer)


async def test_an_error_in_a_stream_becomes_an_exception_frame() -> None:
    stream = events(ThrottlingException("Slow down"), [])
    target = route("bedrock-runtime", "InvokeModelWithResponseStream")
    response = serialize_response(target, {"body": stream, "contentType": "application/json"}, "id")
    chunk, error = await frames(response.body)
    assert chunk.headers[":event-type"] == "chunk"
    assert error.headers[":exception-type"] == "throttlingException"
    assert error.payload == b'{"message":"Slow down"}'
    assert dict(response.headers)["Content-Type"] == "application/vnd.amazon.eventstream"


async def test_an_unmodelled_error_in_a_stream_goes_by_its_code() -> None:
    stream = events(coded("Odd", "Strange"), [])
    target = route("bedrock-runtime", "InvokeModelWithResponseStream")
    response = serialize_response(target, {"body": stream, "contentType": "a/b"}, "id")
    error = (await frames(response.body))[-1]
    assert (error.headers[":error-code"], error.headers[":error-message"]) == ("Odd", "Strange")


async def test_closing_the_response_closes_the_operations_iterator() -> None:
    closed: list[str] = []
    target = route("bedrock-runtime", "InvokeModelWithResponseStream")
    result = {"body": events(None, closed), "contentType": "a/b"}
    body: Any = serialize_response(target, result, "id").body
    await anext(body)
    await body.aclose()
    assert closed == ["closed"]


def test_an_unknown_member_of_a_result_is_a_bug_that_shows() -> None:
    with pytest.raises(UnmodelledMemberError, match="jobArm"):
        serialize_response(route("bedrock", "CreateModelCustomizationJob"), {"jobArm": "a"}, "id")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"jobName": 5}',
        b'{"jobTags": {}}',
        b'{"hyperParameters": []}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_malformed_body_is_a_serialization_error(body: bytes) -> None:
    request = HttpRequest("POST", "/model-customization-jobs", body=body)
    with pytest.raises(SerializationException):
        parse_request(route("bedrock", "CreateModelCustomizationJob"), request)


def test_unknown_members_and_nulls_of_a_request_are_ignored() -> None:
    request = HttpRequest("POST", "/", body=b'{"jobName": "a", "roleArn": null, "unknown": {}}')
    found = parse_request(route("bedrock", "CreateModelCustomizationJob"), request)
    assert found == {"jobName": "a"}


def test_a_document_type_in_xml_is_refused() -> None:
    body = b'<!DOCTYPE a [<!ENTITY b "c">]><CreateBucketConfiguration/>'
    with pytest.raises(SerializationException):
        parse_request(route("s3", "CreateBucket"), HttpRequest("PUT", "/b", body=body))


def test_compressed_bodies_are_read_where_the_operation_takes_them() -> None:
    content = json.dumps({"Namespace": "n", "MetricData": []}).encode()
    headers = {"content-encoding": "gzip"}
    target = route("cloudwatch", "PutMetricData", "json")
    request = HttpRequest("POST", "/", headers=headers, body=gzip.compress(content))
    assert parse_request(target, request) == {"Namespace": "n", "MetricData": []}
    with pytest.raises(SerializationException):
        parse_request(target, HttpRequest("POST", "/", headers=headers, body=b"no gzip"))


def test_a_line_break_cannot_add_a_header() -> None:
    result = {"Body": b"", "Metadata": {"a": "b\r\nSet-Cookie: c"}}
    response = serialize_response(route("s3", "GetObject"), result, "id")
    assert ("x-amz-meta-a", "b  Set-Cookie: c") in response.headers


def test_idempotency_tokens_and_host_prefixes_are_known() -> None:
    assert (
        route("bedrock", "CreateModelCustomizationJob").plan.idempotency_token
        == "clientRequestToken"
    )
    assert route("bedrock", "GetModelCustomizationJob").plan.idempotency_token is None
    assert route("stepfunctions", "StartSyncExecution").plan.host_prefix == "sync-"
