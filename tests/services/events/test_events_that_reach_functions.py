"""Buckets, rules and machines that call functions."""

import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from outcrop.services.lambda_ import startup
from services.lambda_.conftest import archive, finish, make_role
from support.composed_server import ComposedServer, refuse

ACCOUNT, REGION = "123456789012", "eu-west-1"
PATIENCE_SECONDS = 120
SOURCE = """
import json

def handler(event, context):
    print("GOT " + json.dumps(event))
    if event.get("fail"):
        raise ValueError("as asked")
    return {"seen": sorted(event)}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    running = ComposedServer(tmp_path_factory.mktemp("reached")).start()
    yield running
    finish(running, startup.stop(running.platform))
    running.stop()


@pytest.fixture(scope="module")
def function(server: ComposedServer) -> str:
    """The ARN of a function that logs what it is called with."""
    client = server.client("lambda")
    arn: str = client.create_function(
        FunctionName="reached",
        Runtime="python3.11",
        Handler="index.handler",
        Role=make_role(server, "reached"),
        Code={"ZipFile": archive({"index.py": SOURCE})},
    )["FunctionArn"]
    client.get_waiter("function_active_v2").wait(
        FunctionName="reached", WaiterConfig={"Delay": 0.05, "MaxAttempts": 400}
    )
    return arn


def permit(server: ComposedServer, service: str, source_arn: str) -> None:
    server.client("lambda").add_permission(
        FunctionName="reached",
        StatementId=f"id-{uuid4()}",
        Action="lambda:InvokeFunction",
        Principal=service,
        SourceArn=source_arn,
    )


def got(server: ComposedServer, word: str) -> dict[str, Any]:
    """Wait until the function has logged an event with a word in it; return the event."""
    logs = server.client("logs")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = []
        if logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/reached")["logGroups"]:
            answer = logs.filter_log_events(
                logGroupName="/aws/lambda/reached", filterPattern=f'GOT "{word}"'
            )
            found = answer["events"]
        if found:
            event: dict[str, Any] = json.loads(found[0]["message"].partition("GOT ")[2])
            return event
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_bucket_calls_a_function_that_lets_it(server: ComposedServer, function: str) -> None:
    s3, bucket = server.client("s3"), f"bucket-{uuid4()}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".txt"}]
    told = {
        "Id": "own",
        "LambdaFunctionArn": function,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": rules}},
    }
    call = {
        "Bucket": bucket,
        "NotificationConfiguration": {"LambdaFunctionConfigurations": [told]},
    }
    code, _ = refuse(s3.put_bucket_notification_configuration, **call)
    assert code == "InvalidArgument"
    permit(server, "s3.amazonaws.com", f"arn:aws:s3:::{bucket}")
    s3.put_bucket_notification_configuration(**call)
    s3.put_object(Bucket=bucket, Key="out/a.txt", Body=b"no")
    s3.put_object(Bucket=bucket, Key="in/a b.txt", Body=b"yes")
    (record,) = got(server, bucket)["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["eventSource"] == "aws:s3"
    assert record["awsRegion"] == REGION
    assert record["s3"]["configurationId"] == "own"
    assert record["s3"]["bucket"]["name"] == bucket
    assert record["s3"]["object"]["key"] == "in/a+b.txt"
    assert record["s3"]["object"]["size"] == 3


def test_a_rule_calls_a_function_that_lets_it(server: ComposedServer, function: str) -> None:
    events, name = server.client("events"), f"rule-{uuid4()}"
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    permit(server, "events.amazonaws.com", rule)
    events.put_targets(Rule=name, Targets=[{"Id": "f", "Arn": function}])
    entry = {"Source": name, "DetailType": "t", "Detail": '{"a": 1}'}
    answer = events.put_events(Entries=[entry])
    event = got(server, name)
    assert event["id"] == answer["Entries"][0]["EventId"]
    assert event["detail"] == {"a": 1}


def run(server: ComposedServer, state: dict[str, Any]) -> dict[str, Any]:
    """Run a machine of one state as a role that may invoke functions; return its description."""
    iam, name = server.client("iam"), f"machine-{uuid4()}"
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "states.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    allowed = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
    trusted, may = (
        json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        for statement in (trust, allowed)
    )
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=may)
    definition = {"StartAt": "Only", "States": {"Only": {**state, "End": True}}}
    states = server.client("stepfunctions")
    machine = states.create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=role
    )
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"], input="{}")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        description: dict[str, Any] = states.describe_execution(
            executionArn=execution["executionArn"]
        )
        if description["status"] != "RUNNING":
            return description
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_machine_invokes_a_function(server: ComposedServer, function: str) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": f"{function}:$LATEST", "Payload": {"b": 1, "a": 2}},
    }
    description = run(server, state)
    assert description["status"] == "SUCCEEDED", description
    output = json.loads(description["output"])
    assert output["Payload"] == {"seen": ["a", "b"]}
    assert (output["ExecutedVersion"], output["StatusCode"]) == ("$LATEST", 200)


def test_a_function_by_its_arn_takes_the_input_and_fails_under_its_own_name(
    server: ComposedServer, function: str
) -> None:
    task = {"Type": "Task", "Resource": function}
    description = run(server, {**task, "Parameters": {"x": 1}})
    assert json.loads(description["output"]) == {"seen": ["x"]}
    description = run(server, {**task, "Parameters": {"fail": True}})
    assert (description["status"], description["error"]) == ("FAILED", "ValueError")
    cause = json.loads(description["cause"])
    assert cause["errorMessage"] == "as asked"


def test_a_function_that_does_not_exist_is_named(server: ComposedServer, function: str) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": f"{function}-none"},
    }
    description = run(server, state)
    assert description["error"] == "Lambda.ResourceNotFoundException"
    assert description["cause"].startswith(
        f"Function not found: {function}-none (Service: AWSLambda; Status Code: 404; "
        "Error Code: ResourceNotFoundException; Request ID: "
    )
