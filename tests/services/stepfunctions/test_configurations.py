"""Logging and tracing configurations, and ValidateStateMachineDefinition."""

import json
from typing import Any
from uuid import uuid4

import pytest

from services.stepfunctions.conftest import PASS, MakeMachine, MakeRole
from support.composed_server import ComposedServer, Refused

ONE = "Invalid Logging Configuration: Must specify exactly one Log Destination."


@pytest.fixture
def group(server: ComposedServer) -> str:
    """ARN of a log group."""
    logs = server.client("logs")
    name = f"group-{uuid4()}"
    logs.create_log_group(logGroupName=name)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    arn: str = found["arn"]
    return arn


def to_group(arn: str, level: str = "ALL") -> dict[str, Any]:
    return {
        "level": level,
        "includeExecutionData": True,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
    }


def test_a_log_group_is_described_as_it_was_given(
    client: Any, make: MakeMachine, group: str
) -> None:
    arn = make(loggingConfiguration=to_group(group))["stateMachineArn"]
    described = client.describe_state_machine(stateMachineArn=arn)

    assert described["loggingConfiguration"] == to_group(group)
    updated = client.update_state_machine(
        stateMachineArn=arn, loggingConfiguration=to_group(group, "FATAL")
    )
    same = client.update_state_machine(
        stateMachineArn=arn, loggingConfiguration=to_group(group, "FATAL")
    )
    assert updated["revisionId"] == same["revisionId"]


@pytest.mark.parametrize("level", ["ALL", "ERROR", "FATAL"])
def test_what_is_to_be_logged_needs_a_destination(
    make: MakeMachine, refused: Refused, level: str
) -> None:
    refusal = refused(make, loggingConfiguration={"level": level})
    assert refusal == ("InvalidLoggingConfiguration", ONE)


def test_two_destinations_are_refused(make: MakeMachine, refused: Refused, group: str) -> None:
    configuration = to_group(group)
    configuration["destinations"] *= 2

    refusal = refused(make, loggingConfiguration=configuration)
    assert refusal == ("InvalidLoggingConfiguration", ONE)


def test_without_a_level_nothing_is_logged(client: Any, make: MakeMachine) -> None:
    incomplete: list[dict[str, Any]] = [{}, {"destinations": []}]
    for given in incomplete:
        arn = make(loggingConfiguration=given)["stateMachineArn"]
        described = client.describe_state_machine(stateMachineArn=arn)
        expected = {**given, "level": "OFF", "includeExecutionData": False}
        assert described["loggingConfiguration"] == expected


def test_a_log_group_must_be_there(make: MakeMachine, refused: Refused, group: str) -> None:
    missing = group.replace("group-", "missing-")

    assert refused(make, loggingConfiguration=to_group(missing)) == (
        "InvalidLoggingConfiguration",
        "Invalid Logging Configuration: Log Destination not found.",
    )


def test_the_role_must_see_the_log_group(
    make: MakeMachine, make_role: MakeRole, refused: Refused, group: str
) -> None:
    blind = make_role(actions="s3:GetObject")

    assert refused(make, loggingConfiguration=to_group(group), roleArn=blind) == (
        "AccessDeniedException",
        "The state machine IAM Role is not authorized to access the Log Destination",
    )


def test_tracing_is_kept(client: Any, make: MakeMachine) -> None:
    arn = make(tracingConfiguration={"enabled": True})["stateMachineArn"]

    described = client.describe_state_machine(stateMachineArn=arn)
    assert described["tracingConfiguration"] == {"enabled": True}


def test_tracing_must_say_whether(make: MakeMachine, refused: Refused) -> None:
    code, _ = refused(make, tracingConfiguration={})
    assert code == "InvalidTracingConfiguration"


def test_a_sound_definition_is_ok(client: Any) -> None:
    answer = client.validate_state_machine_definition(definition=json.dumps(PASS))

    assert (answer["result"], answer["diagnostics"], answer["truncated"]) == ("OK", [], False)


def test_what_is_wrong_with_a_definition_is_told_by_place(client: Any) -> None:
    answer = client.validate_state_machine_definition(definition='{"States": {}}')

    assert answer["result"] == "FAIL"
    assert {
        "severity": "ERROR",
        "code": "SCHEMA_VALIDATION_FAILED",
        "message": "These fields are required: [StartAt]",
        "location": "/",
    } in answer["diagnostics"]


def test_express_machines_may_not_wait_for_tokens(client: Any) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "x", "MessageBody": {"token.$": "$$.Task.Token"}},
        "End": True,
    }
    definition = json.dumps({"StartAt": "Send", "States": {"Send": task}})
    validate = client.validate_state_machine_definition

    assert validate(definition=definition, type="STANDARD")["result"] == "OK"
    answer = validate(definition=definition, type="EXPRESS")
    (diagnostic,) = answer["diagnostics"]
    assert diagnostic["location"] == "/States/Send/Resource"
    assert diagnostic["message"].startswith("Express state machine does not support")
