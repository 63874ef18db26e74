"""Events that nobody waits for: kept, tried again, reported."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outcrop.services.lambda_ import event_queue
from outcrop.storage.functions import events
from services.lambda_.conftest import ECHO, Make, archive, finish, make_role
from support.composed_server import ComposedServer

REGION, ACCOUNT = "eu-west-1", "123456789012"
GENEROUS_SECONDS = 60


def arn_of(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def wait_for(condition: Callable[[], Any]) -> Any:
    """Return what a condition gives once that is true."""
    deadline = time.monotonic() + GENEROUS_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return found


def waiting(server: ComposedServer, name: str) -> list[tuple[int, int]]:
    """Return (attempts, refusals) of the events of a function that wait."""
    with server.database.read() as connection:
        rows = events.due(connection, 1 << 62, 1000)
    return [(row.attempts, row.refusals) for row in rows if row.function_arn == arn_of(name)]


def advance(server: ComposedServer, **time_: float) -> None:
    """Let time pass for the server, and let it look at its events."""
    server.clock.ahead += timedelta(**time_)

    async def look() -> None:
        event_queue.begin(server.platform)

    finish(server, look())


def send(client: Any, name: str, payload: Any) -> None:
    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(payload))
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""


@pytest.fixture
def recorder(make: Make, server: ComposedServer) -> Any:
    """A function that keeps what it is sent in its log, and what reads it there."""
    name = make("import json\ndef handler(event, context):\n    print(json.dumps(event))\n")

    def records() -> list[dict[str, Any]]:
        logs = server.client("logs")
        try:
            found = logs.filter_log_events(
                logGroupName=f"/aws/lambda/{name}", filterPattern='"requestContext"'
            )
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [json.loads(item["message"]) for item in found["events"]]

    return name, records


@pytest.fixture(scope="module")
def sending_role(server: ComposedServer) -> str:
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
    return make_role(server, "sending-role", statement)


def test_success_is_reported_to_its_destination(
    lambda_client: Any, make: Make, recorder: Any, sending_role: str, server: ComposedServer
) -> None:
    target, records = recorder
    name = make(Role=sending_role)
    lambda_client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn_of(target)}}
    )
    send(lambda_client, name, {"a": 1})
    (record,) = wait_for(records)
    assert record["version"] == "1.0"
    assert record["requestContext"]["functionArn"] == f"{arn_of(name)}:$LATEST"
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestPayload"] == {"a": 1}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"]["event"] == {"a": 1}
    wait_for(lambda: not waiting(server, name))


def test_failures_are_tried_twice_more_and_reported(
    lambda_client: Any, make: Make, recorder: Any, sending_role: str, server: ComposedServer
) -> None:
    target, records = recorder
    name = make("def handler(event, context):\n    raise ValueError('never')\n", Role=sending_role)
    lambda_client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn_of(target)}}
    )
    send(lambda_client, name, {"b": 2})
    wait_for(lambda: waiting(server, name) == [(1, 0)])
    advance(server, seconds=61)
    wait_for(lambda: waiting(server, name) == [(2, 0)])
    assert records() == []
    advance(server, seconds=121)
    (record,) = wait_for(records)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "never"
    wait_for(lambda: not waiting(server, name))


def test_an_event_that_grew_too_old_is_given_up(
    lambda_client: Any, make: Make, recorder: Any, sending_role: str
) -> None:
    target, records = recorder
    name = make("def handler(event, context):\n    raise ValueError('never')\n", Role=sending_role)
    lambda_client.put_function_event_invoke_config(
        FunctionName=name,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": arn_of(target)}},
    )
    send(lambda_client, name, {})
    (record,) = wait_for(records)
    assert record["requestContext"]["condition"] == "EventAgeExceeded"


def test_events_wait_while_a_function_cannot_be_called(
    lambda_client: Any, make: Make, server: ComposedServer
) -> None:
    role = make_role(server, "role-that-goes")
    name = make(Role=role)
    iam = server.client("iam")
    iam.delete_role(RoleName="role-that-goes")
    send(lambda_client, name, {})
    wait_for(lambda: waiting(server, name) and waiting(server, name)[0][1] > 0)
    make_role(server, "role-that-goes")
    advance(server, minutes=6)
    wait_for(lambda: not waiting(server, name))


def test_settings_for_events_are_put_changed_and_deleted(
    lambda_client: Any, make: Make, refused: Any
) -> None:
    name, other = make(), make()
    put = lambda_client.put_function_event_invoke_config
    assert refused(put, FunctionName=name) == (
        "InvalidParameterValueException",
        "You must specify at least one of error handling or destination setting.",
    )
    assert refused(put, FunctionName="none", MaximumRetryAttempts=1) == (
        "ResourceNotFoundException",
        "The function doesn't exist.",
    )
    for target, message in (
        (arn_of("none"), f"The destination ARN {arn_of('none')} is invalid."),
        (arn_of(name), "You can't specify the function as a destination for itself."),
        (
            f"arn:aws:iam:{REGION}:{ACCOUNT}:user",
            (
                "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination="
                f"arn:aws:iam:{REGION}:{ACCOUNT}:user), onFailure=null) is invalid."
            ),
        ),
    ):
        config = {"OnSuccess": {"Destination": target}}
        assert refused(put, FunctionName=name, DestinationConfig=config) == (
            "InvalidParameterValueException",
            message,
        )
    answer = put(
        FunctionName=name,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnSuccess": {"Destination": arn_of(other)}},
    )
    assert answer["FunctionArn"] == f"{arn_of(name)}:$LATEST"
    assert answer["DestinationConfig"] == {
        "OnSuccess": {"Destination": arn_of(other)},
        "OnFailure": {},
    }
    changed = lambda_client.update_function_event_invoke_config(
        FunctionName=name, MaximumEventAgeInSeconds=90
    )
    assert (changed["MaximumRetryAttempts"], changed["MaximumEventAgeInSeconds"]) == (1, 90)
    listed = lambda_client.list_function_event_invoke_configs(FunctionName=name)
    assert len(listed["FunctionEventInvokeConfigs"]) == 1
    lambda_client.delete_function_event_invoke_config(FunctionName=name)
    missing = (
        "ResourceNotFoundException",
        f"The function {arn_of(name)}:$LATEST doesn't have an EventInvokeConfig",
    )
    get = lambda_client.get_function_event_invoke_config
    assert refused(get, FunctionName=name) == missing


def test_events_survive_the_death_of_the_server(tmp_path: Path) -> None:
    first = ComposedServer(tmp_path).start()
    role = make_role(first, "function-role")
    client = first.client("lambda")
    client.create_function(
        FunctionName="later",
        Runtime="python3.11",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": archive({"index.py": ECHO})},
    )
    client.get_waiter("function_active_v2").wait(FunctionName="later")
    # Nothing takes events up any more: as if it died right after it had answered.
    finish(first, event_queue.stop(first.platform))
    first.platform.function_store.event_work = _NeverDone()  # type: ignore[assignment]
    send(client, "later", {"kept": True})
    assert waiting(first, "later") == [(0, 0)]
    first.stop()
    second = ComposedServer(tmp_path).start()
    try:
        assert waiting(second, "later") == [(0, 0)]

        async def resume() -> None:
            event_queue.resume(second.platform)

        finish(second, resume())
        wait_for(lambda: not waiting(second, "later"))
        logs = second.client("logs").filter_log_events(
            logGroupName="/aws/lambda/later", filterPattern='"START RequestId"'
        )
        assert len(logs["events"]) == 1
    finally:
        finish(second, event_queue.stop(second.platform))
        second.stop()


class _NeverDone:
    """Stands where the task is that handles events."""

    def done(self) -> bool:
        return False

    def cancel(self) -> None:
        """Do nothing."""
