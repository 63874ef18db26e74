"""What AWS's SDKs try again is tried again within a task, and nothing else is."""

from collections.abc import AsyncIterator, Callable

import pytest

from outcrop.aws.errors import ServiceError
from outcrop.workflows.integrations import calls
from outcrop.workflows.integrations.registry import ServiceIntegrations
from outcrop.workflows.tasks import TaskCall, TaskFailed
from workflows.integrations.conftest import Recorded

Task = Callable[..., TaskCall]


class NotReady(ServiceError):
    code = "ModelNotReadyException"
    status = 429


class Throttled(ServiceError):
    code = "ThrottlingException"
    status = 429


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_RETRY_PAUSES_SECONDS", (0.0,) * 5)


async def pieces() -> AsyncIterator[bytes]:
    yield b'{"text": "yes"}'


async def test_a_model_that_is_still_loading_is_asked_again(
    invoke: Recorded, integrations: ServiceIntegrations, task: Task
) -> None:
    answer = {"body": pieces(), "contentType": "application/json"}
    invoke.answer("bedrock-runtime", "InvokeModel", *[NotReady("loading")] * 5, answer)

    result = await integrations.start(task("bedrock:invokeModel", {"ModelId": "m", "Body": {}}))

    assert result["Body"] == {"text": "yes"}
    assert len(invoke.calls) == 6


@pytest.mark.parametrize(
    ("error", "times"), [(NotReady("still loading"), 6), (Throttled("slow down"), 1)]
)
async def test_the_last_error_is_the_states(
    invoke: Recorded, integrations: ServiceIntegrations, task: Task, error: ServiceError, times: int
) -> None:
    invoke.answer("bedrock-runtime", "InvokeModel", error)

    with pytest.raises(TaskFailed) as failed:
        await integrations.start(task("bedrock:invokeModel", {"ModelId": "m", "Body": {}}))

    assert failed.value.error == f"Bedrock.{error.code}"
    assert len(invoke.calls) == times
