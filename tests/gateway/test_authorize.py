"""Where authorization stands in the chain: after parsing, before any of a body is read or an operation begins."""

import socket
from collections.abc import Mapping
from typing import Any

import pytest
import urllib3

from gateway.conftest import Served
from outcrop.aws.errors import AccessDeniedException, ValidationException
from outcrop.aws.operation import Principal
from outcrop.gateway.call import Call
from outcrop.gateway.chain import IN_PROCESS_STEPS, STEPS
from outcrop.gateway.failures import as_service_error
from outcrop.gateway.steps.authenticate import authenticate
from outcrop.gateway.steps.authorize import authorize
from outcrop.gateway.steps.dispatch import dispatch
from outcrop.gateway.steps.parse import parse

USER = Principal("User", "arn:aws:iam::123456789012:user/u", "123456789012")


@pytest.mark.parametrize("steps", [STEPS[1:], (authenticate, *IN_PROCESS_STEPS)])
def test_every_call_is_authorized_between_parsing_and_the_operation(steps: Any) -> None:
    order = [steps.index(step) for step in (authenticate, parse, authorize, dispatch)]
    assert order == sorted(order)


def test_a_refused_upload_is_answered_before_any_of_it_is_read(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(
            b"PUT /bucket/secret HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 5000000000\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"<Code>AccessDenied</Code><Message>Access Denied</Message>" in answer
    assert not served.platform.half_read.is_set()
    assert "secret" not in served.platform.objects


def test_an_unsigned_call_of_another_service_has_no_principal_to_decide_on(served: Served) -> None:
    answer = urllib3.PoolManager().request("GET", f"{served.url}/custom-models/m")
    assert answer.status == 403
    assert answer.headers["x-amzn-ErrorType"].startswith("MissingAuthenticationToken")


async def test_a_refused_operation_never_begins(served: Served) -> None:
    before = len(served.platform.contexts)
    with pytest.raises(AccessDeniedException) as caught:
        await served.gateway.invoke(
            "bedrock",
            "GetCustomModel",
            {"modelIdentifier": "missing"},
            principal=USER,
            region="eu-west-1",
        )
    assert len(served.platform.contexts) == before
    # Whether there is such a model is not told.
    assert "no such model" not in caught.value.message
    assert "bedrock:GetCustomModel" in caught.value.message


async def test_what_cannot_be_parsed_is_not_decided_on(served: Served) -> None:
    request: Mapping[str, Any] = {"modelIdentifier": "a b"}
    with pytest.raises(ValidationException, match="modelIdentifier"):
        await served.gateway.invoke(
            "bedrock", "GetCustomModel", request, principal=USER, region="eu-west-1"
        )


def test_what_another_service_refused_comes_under_the_called_services_name() -> None:
    class Routed:
        service = "s3"
        protocol = "rest-xml"

    class Called:
        route = Routed()

    refused = AccessDeniedException("not authorized to perform: kms:Decrypt")
    call: Call = Called()  # type: ignore[assignment]  # all that is looked at
    assert as_service_error(refused, call).code == "AccessDenied"
