"""What the log says of a failure holds nothing of the request's secrets and content."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from outcrop.aws import service_models
from outcrop.aws.http import HttpRequest
from outcrop.aws.routing import Route
from outcrop.gateway import failures
from outcrop.gateway.call import Call
from outcrop.gateway.failures import as_service_error

CANARY = "canary-1d9f20ab"


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("secretsmanager", "CreateSecret", {"Name": "n", "SecretString": CANARY}),
        ("iam", "CreateLoginProfile", {"UserName": "u", "Password": CANARY}),
        ("bedrock-runtime", "InvokeModel", {"modelId": "m", "body": CANARY.encode()}),
        (
            "bedrock-runtime",
            "Converse",
            {"modelId": "m", "messages": [{"role": "user", "content": [{"text": CANARY}]}]},
        ),
    ],
)
def test_a_failure_that_quotes_what_is_hidden_is_logged_without_it(
    service: str, operation: str, parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[dict[str, Any]] = []
    log = SimpleNamespace(error=lambda event, **fields: logged.append({"event": event, **fields}))
    monkeypatch.setattr(failures, "log", log)
    plan = service_models.load(service).operation(operation)
    call = Call(
        request=HttpRequest("POST", "/"),
        connection=None,
        request_id="r",
        received_at=datetime.now(UTC),
        region="us-east-1",
        route=Route(service, operation, {}, plan.protocol, plan),
        parameters=parameters,
    )
    try:
        raise RuntimeError(f"cannot store {CANARY} in the table")
    except RuntimeError as failure:
        error = as_service_error(failure, call)
    (line,) = logged
    assert CANARY not in str(line)
    assert "cannot store HIDDEN" in line["exception"]
    assert "Traceback" in line["exception"]
    assert CANARY not in error.message
