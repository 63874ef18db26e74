"""botocore's own protocol test cases, read from the server's side.

Input: what botocore's client would send must give the case's parameters. Output: what our serializer writes for
the case's result must give botocore's parser that result.
"""

import asyncio
import base64
import json
import math
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from botocore.awsrequest import HeadersDict
from botocore.eventstream import EventStream
from botocore.model import Shape
from botocore.parsers import PROTOCOL_PARSERS

from aws.protocols.botocore_cases import EXCLUDED, Case, load_cases
from outcrop.aws.errors import ServiceError
from outcrop.aws.http import BufferedStream, HttpRequest, HttpResponse
from outcrop.aws.protocols.timestamps import parse_timestamp, to_epoch
from outcrop.aws.routing import Route
from outcrop.aws.service_models import Service
from outcrop.aws.wire import parse_request, serialize_error, serialize_response

REQUIRED_SHARE = 0.98


def excluded(direction: str, case: Case) -> bool:
    return (direction, case.name) in EXCLUDED


def route_of(case: Case, path_parameters: dict[str, str]) -> Route:
    plan = Service(case.model).operation(case.operation_name)
    return Route("test", plan.name, path_parameters, plan.protocol, plan)


def labels_of(template: str, path: str) -> dict[str, str]:
    """Match a path against a URI template as the router's tables do."""
    labels = {}
    parts = template.partition("?")[0].strip("/").split("/")
    values = path.strip("/").split("/")
    for index, part in enumerate(parts):
        if part.endswith("+}"):
            labels[part.strip("{}+")] = unquote("/".join(values[index:]))
        elif part.startswith("{"):
            labels[part.strip("{}")] = unquote(values[index])
    return labels


def read_stream(stream: BufferedStream) -> bytes:
    async def collect() -> bytes:
        return b"".join([piece async for piece in stream])

    return asyncio.run(collect())


def comparable(value: Any) -> Any:  # noqa: PLR0911  # one line per kind
    """Write values as the cases do: times as seconds, bytes as text, special floats by name."""
    if isinstance(value, BufferedStream):
        return comparable(read_stream(value))
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime):
        return to_epoch(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def check_input(case: Case) -> None:
    sent = case.data["serialized"]
    body = sent.get("body", "").encode()
    if case.model.protocol == "smithy-rpc-v2-cbor":
        body = base64.b64decode(body)
    url = urlsplit(sent.get("uri", "/"))
    headers = {name.lower(): value for name, value in sent.get("headers", {}).items()}
    request = HttpRequest(sent.get("method", "POST"), url.path, url.query, headers, body)
    template = case.data["given"].get("http", {}).get("requestUri", "/")
    found = parse_request(route_of(case, labels_of(template, url.path)), request)
    assert comparable(found) == comparable(case.data["params"])


def typed(value: Any, shape: Shape | None) -> Any:  # noqa: PLR0911  # one line per kind
    """Return a case's result as an operation would return it: bytes, datetimes and floats."""
    if shape is None or value is None:
        return value
    kind = shape.type_name
    if kind == "structure" and not shape.is_document_type:
        return {name: typed(item, shape.members[name]) for name, item in value.items()}
    if kind == "list" and isinstance(value, list):
        return [typed(item, shape.member) for item in value]
    if kind == "map":
        return {key: typed(item, shape.value) for key, item in value.items()}
    if kind == "blob":
        return value.encode()
    if kind == "timestamp":
        return parse_timestamp(value)
    if kind in ("float", "double"):
        return float(value)
    return value


async def events_of(events: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    for event in events:
        yield event


def operation_result(case: Case) -> dict[str, Any]:
    shape = case.model.operation_model(case.operation_name).output_shape
    result: dict[str, Any] = case.data["result"]
    if shape is None:
        return result
    stream = shape.event_stream_name
    members = {
        name: typed(item, shape.members[name]) for name, item in result.items() if name != stream
    }
    if stream is not None and stream in result:
        stream_shape = shape.members[stream]
        members[stream] = events_of([typed(event, stream_shape) for event in result[stream]])
    return members


class WholeBody:
    """A body as botocore's event stream reader takes it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        return [self._content]

    def close(self) -> None:
        """Nothing is open."""


def body_of(response: HttpResponse) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    body = response.body

    async def collect() -> bytes:
        assert hasattr(body, "__aiter__")
        return b"".join([piece async for piece in body])

    return asyncio.run(collect())


def parsed_by_botocore(case: Case, response: HttpResponse) -> dict[str, Any]:
    operation = case.model.operation_model(case.operation_name)
    parser = PROTOCOL_PARSERS[case.model.protocol]()
    body: Any = body_of(response)
    shape = operation.output_shape
    if shape is not None and operation.has_event_stream_output:
        body = WholeBody(body)
    if shape is not None and case.model.protocol == "query" and shape.members:
        shape.serialization["resultWrapper"] = f"{case.operation_name}Result"
    message = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": body,
        "context": {"operation_name": case.operation_name},
    }
    parsed = dict(parser.parse(message, shape))
    if "error" in case.data:
        error_shape = case.model.shape_for_error_code(parsed["Error"]["Code"])
        parsed.update(parser.parse(message, error_shape))
        parsed["Error"] = {key: parsed["Error"].get(key, "") for key in ("Code", "Message")}
    parsed.pop("ResponseMetadata", None)
    return {
        name: list(value) if isinstance(value, EventStream) else value
        for name, value in parsed.items()
    }


def check_output(case: Case) -> None:
    route = route_of(case, {})
    if "error" in case.data:
        expected = {
            "Error": {
                "Code": case.data.get("errorCode", ""),
                "Message": case.data.get("errorMessage", ""),
            }
        } | case.data["error"]
        response = serialize_error(route, modelled_error(case), "request-1")
        assert response.status == case.data["response"]["status_code"]
    else:
        expected = case.data["result"]
        response = serialize_response(route, operation_result(case), "request-1")
        assert response.status == case.data["response"]["status_code"]
    if not says_the_same(case, response):
        assert comparable(parsed_by_botocore(case, response)) == comparable(expected)


def says_the_same(case: Case, response: HttpResponse) -> bool:
    """Whether the response is, up to spelling, the one the case gives: its headers and its body."""
    wanted = case.data["response"]
    headers = {name.lower(): value for name, value in response.headers}
    for name, value in wanted.get("headers", {}).items():
        if (
            name.lower() not in ("content-type", "content-length")
            and headers.get(name.lower()) != value
        ):
            return False
    body, wanted_body = body_of(response), wanted.get("body", "").encode()
    return body == wanted_body or same_json(body, wanted_body)


def same_json(body: bytes, wanted: bytes) -> bool:
    try:
        return bool(json.loads(body) == json.loads(wanted))
    except ValueError:
        return False


def modelled_error(case: Case) -> ServiceError:
    shape = case.model.shape_for_error_code(case.data["errorCode"])
    fields = {
        name: typed(value, shape.members[name])
        for name, value in case.data["error"].items()
        if name.lower() != "message"
    }
    error = ServiceError(case.data.get("errorMessage", ""), **fields)
    error.code = case.data["errorCode"]
    error.status = case.data["response"]["status_code"]
    return error


@pytest.mark.parametrize(("direction", "check"), [("input", check_input), ("output", check_output)])
def test_at_least_98_percent_of_botocores_cases_pass(
    direction: str, check: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = list(load_cases(direction))
    counted = [case for case in cases if not excluded(direction, case)]
    failures = {}
    for case in counted:
        try:
            check(case)
        except Exception as error:  # noqa: BLE001  # any failure counts against the share
            failures[case.name] = f"{type(error).__name__}: {error}"[:1500]
    passed = len(counted) - len(failures)
    with capsys.disabled():
        print(  # noqa: T201  # the counts are the claim
            f"\n{direction}: {passed} of {len(counted)} cases pass; "
            f"{len(cases) - len(counted)} of {len(cases)} do not concern a server"
        )
    report = "\n\n".join(f"{name}\n{message}" for name, message in failures.items())
    assert passed >= REQUIRED_SHARE * len(counted), report


def test_every_exclusion_names_a_case_that_exists() -> None:
    known = set()
    for direction in ("input", "output"):
        for case in load_cases(direction):
            known.add((direction, case.name))
    assert sorted(set(EXCLUDED) - known) == []
