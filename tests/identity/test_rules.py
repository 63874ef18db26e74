"""Rules answer every request that the service models let through, and only with what the evaluator understands."""

import re
from typing import Any

import botocore.session
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aws.drawn_values import draw_structure
from outcrop.aws.operation import Principal
from outcrop.identity.permissions import Scope
from outcrop.identity.rules import load_rules

ACCOUNT = "111122223333"
PRINCIPAL = Principal("User", f"arn:aws:iam::{ACCOUNT}:user/u", ACCOUNT)
SERVICES = sorted({service for service, _ in load_rules()})
ACTION = re.compile(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]*\*?")


def find(kind: str, identifier: str) -> str:
    assert kind
    if identifier.startswith("arn:"):
        return identifier
    return f"arn:aws:service:us-east-1:{ACCOUNT}:{kind}/{identifier}"


def check(service: str, operation: str, request: dict[str, Any]) -> None:
    scope = Scope("us-east-1", ACCOUNT, PRINCIPAL, find)
    for need in load_rules()[service, operation](request, scope):
        assert ACTION.fullmatch(need.action), need
        assert need.resource, need  # a malformed ARN of the request is asked about as it is
        for key, value in need.context.items():
            assert ":" in key
            values = [value] if isinstance(value, str) else list(value)
            assert all(isinstance(item, str) for item in values), (key, value)


@pytest.mark.parametrize("service", SERVICES)
def test_rules_answer_whatever_is_asked(service: str) -> None:
    model = botocore.session.get_session().get_service_model(service)
    unknown = [
        name
        for asked, name in load_rules()
        if asked == service and name not in model.operation_names
    ]
    assert unknown == []
    for asked, name in load_rules():
        if asked == service:
            repeat(service, name, model.operation_model(name).input_shape)


def repeat(service: str, operation: str, shape: Any) -> None:
    @st.composite
    def requests(draw: Any) -> dict[str, Any]:
        return {} if shape is None else draw_structure(draw, shape, 0)

    @given(requests())
    def run(request: dict[str, Any]) -> None:
        check(service, operation, request)

    settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(run)()
