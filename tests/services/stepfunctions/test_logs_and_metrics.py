"""What CloudWatch is told of executions: their events in log groups, their number and duration."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.stepfunctions.conftest import MakeMachine
from support.composed_server import ComposedServer

PATIENCE_SECONDS = 60
FAIL = {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Broken", "Cause": "as asked"}}}


@pytest.fixture
def group(server: ComposedServer) -> str:
    """Name of a log group."""
    name = f"/aws/vendedlogs/states/{uuid4()}"
    server.client("logs").create_log_group(logGroupName=name)
    return name


def to_group(name: str, level: str, *, data: bool = True) -> dict[str, Any]:
    arn = f"arn:aws:logs:eu-west-1:123456789012:log-group:{name}:*"
    return {
        "level": level,
        "includeExecutionData": data,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
    }


def logged(server: ComposedServer, group: str, last: str) -> list[dict[str, Any]]:
    """Return what a group holds, once an event of the type `last` is there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        events = server.client("logs").filter_log_events(logGroupName=group)["events"]
        messages = [json.loads(event["message"]) for event in events]
        if last in {message["type"] for message in messages}:
            return sorted(messages, key=lambda message: int(message["id"]))
        assert time.monotonic() < deadline, messages
        time.sleep(0.05)


def ended(client: Any, arn: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while client.describe_execution(executionArn=arn)["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def counted(server: ComposedServer, metric: str, **dimensions: str) -> tuple[float, float]:
    """Return the number and the sum of a metric's values of today; (0, 0) where there are none."""
    server.platform.metrics.settle()
    now = datetime.now(UTC)
    points = server.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/States",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(hours=12),
        EndTime=now + timedelta(hours=12),
        Period=86_400,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    return sum(point["SampleCount"] for point in points), sum(point["Sum"] for point in points)


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_every_event_is_in_the_log_group_with_its_data(
    server: ComposedServer, client: Any, make: MakeMachine, group: str, kind: str
) -> None:
    machine = make(type=kind, loggingConfiguration=to_group(group, "ALL"))["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"]
    messages = logged(server, group, "ExecutionSucceeded")
    assert [message["type"] for message in messages] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert {message["execution_arn"] for message in messages} == {execution}
    assert json.loads(messages[0]["details"]["input"]) == {"a": 1}
    assert json.loads(messages[-1]["details"]["output"]) == {"Arg1": "argument1"}


def test_runs_of_a_machine_share_a_stream_beside_the_one_that_aws_leaves(
    server: ComposedServer, client: Any, make: MakeMachine, group: str
) -> None:
    logs = server.client("logs")
    machine = make(loggingConfiguration=to_group(group, "ALL"))["stateMachineArn"]
    (left,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert left["logStreamName"] == (
        "log_stream_created_by_aws_to_validate_log_delivery_subscriptions"
    )
    client.update_state_machine(
        stateMachineArn=machine, loggingConfiguration=to_group(group, "ALL", data=False)
    )
    executions = [client.start_execution(stateMachineArn=machine)["executionArn"] for _ in "ab"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(logs.filter_log_events(logGroupName=group)["events"]) < 8:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    names = [
        item["logStreamName"]
        for item in logs.describe_log_streams(logGroupName=group)["logStreams"]
    ]
    assert names[0] == left["logStreamName"]
    # Two where an hour ended between the two.
    assert len(names) in (2, 3)
    messages = [
        json.loads(event["message"])
        for name in names[1:]
        for event in logs.get_log_events(
            logGroupName=group, logStreamName=name, startFromHead=True
        )["events"]
    ]
    assert {message["execution_arn"] for message in messages} == set(executions)


def test_a_level_of_errors_leaves_the_rest_and_data_out(
    server: ComposedServer, client: Any, make: MakeMachine, group: str
) -> None:
    machine = make(definition=FAIL, loggingConfiguration=to_group(group, "ERROR", data=False))[
        "stateMachineArn"
    ]
    client.start_execution(stateMachineArn=machine, input='{"private": 1}')
    (message,) = logged(server, group, "ExecutionFailed")
    assert message["details"] == {"error": "Broken", "cause": "as asked"}


def test_an_express_execution_that_nobody_waits_for_has_a_count_of_redrives(
    server: ComposedServer, client: Any, make: MakeMachine, group: str
) -> None:
    definition = {
        "StartAt": "Tell",
        "States": {"Tell": {"Type": "Pass", "Parameters": {"it.$": "$$.Execution"}, "End": True}},
    }
    machine = make(
        type="EXPRESS", definition=definition, loggingConfiguration=to_group(group, "ALL")
    )["stateMachineArn"]
    client.start_execution(stateMachineArn=machine)
    messages = logged(server, group, "ExecutionSucceeded")
    assert json.loads(messages[-1]["details"]["output"])["it"]["RedriveCount"] == 0


def test_executions_are_counted_by_machine_and_end(
    server: ComposedServer, client: Any, make: MakeMachine
) -> None:
    good, bad = make()["stateMachineArn"], make(definition=FAIL)["stateMachineArn"]
    slow_definition = {
        "StartAt": "Long",
        "States": {"Long": {"Type": "Wait", "Seconds": 3600, "End": True}},
    }
    slow = make(definition=slow_definition)["stateMachineArn"]
    late_definition = {**slow_definition, "TimeoutSeconds": 1}
    late = make(definition=late_definition)["stateMachineArn"]
    quick = make(type="EXPRESS")["stateMachineArn"]
    machines = [good, good, bad, late, quick]
    executions = [client.start_execution(stateMachineArn=arn)["executionArn"] for arn in machines]
    stopped = client.start_execution(stateMachineArn=slow)["executionArn"]
    client.stop_execution(executionArn=stopped)
    for execution in executions[:-1]:
        ended(client, execution)
    assert counted(server, "ExecutionsStarted", StateMachineArn=good)[1] == 2
    assert counted(server, "ExecutionsSucceeded", StateMachineArn=good)[1] == 2
    assert counted(server, "ExecutionsFailed", StateMachineArn=good) == (0, 0)
    assert counted(server, "ExecutionsFailed", StateMachineArn=bad)[1] == 1
    assert counted(server, "ExecutionsAborted", StateMachineArn=slow)[1] == 1
    assert counted(server, "ExecutionsTimedOut", StateMachineArn=late)[1] == 1
    lasted, total_ms = counted(server, "ExecutionTime", StateMachineArn=late)
    assert lasted == 1
    assert total_ms > 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while counted(server, "ExecutionsSucceeded", StateMachineArn=quick)[1] != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_executions_of_an_alias_are_counted_by_alias_and_version(
    server: ComposedServer, client: Any, make: MakeMachine
) -> None:
    made = make(publish=True)
    machine, version = made["stateMachineArn"], made["stateMachineVersionArn"]
    route = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = client.create_state_machine_alias(name="live", routingConfiguration=route)
    started = client.start_execution(stateMachineArn=alias["stateMachineAliasArn"])
    ended(client, started["executionArn"])
    for dimensions in ({}, {"Alias": "live"}, {"Version": "1"}):
        found = counted(server, "ExecutionsSucceeded", StateMachineArn=machine, **dimensions)
        assert found == (1, 1), dimensions


def test_a_redriven_execution_is_not_started_again(
    server: ComposedServer, client: Any, make: MakeMachine
) -> None:
    machine = make(definition=FAIL)["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine)["executionArn"]
    ended(client, execution)
    client.redrive_execution(executionArn=execution)
    ended(client, execution)
    assert counted(server, "ExecutionsStarted", StateMachineArn=machine)[1] == 1
    assert counted(server, "ExecutionsRedriven", StateMachineArn=machine)[1] == 1
    assert counted(server, "ExecutionsFailed", StateMachineArn=machine)[1] == 2
