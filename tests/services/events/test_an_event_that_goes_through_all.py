"""One event of the caller's own: through a rule to a function and to a machine, from there through a topic to a function."""

import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from outcrop.services.lambda_ import startup
from services.lambda_.conftest import archive, finish, make_role
from support.composed_server import ComposedServer

PATIENCE_SECONDS = 120
SOURCE = """
import json

def handler(event, context):
    print("HEARD " + json.dumps(event))
    return {"doubled": 2 * event["detail"]["n"]} if "detail" in event else None
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    running = ComposedServer(tmp_path_factory.mktemp("chain")).start()
    yield running
    finish(running, startup.stop(running.platform))
    running.stop()


@pytest.fixture
def function(server: ComposedServer) -> str:
    """The name of a function that logs what it is called with."""
    client, name = server.client("lambda"), f"hears-{uuid4().hex}"
    client.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="index.handler",
        Role=make_role(server, name),
        Code={"ZipFile": archive({"index.py": SOURCE})},
    )
    client.get_waiter("function_active_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400}
    )
    return name


def role(server: ComposedServer, principal: str, *actions: str) -> str:
    """Return the ARN of a new role for a service that may do some actions."""
    iam, name = server.client("iam"), f"role-{uuid4()}"
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": principal},
        "Action": "sts:AssumeRole",
    }
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    trusted, may = (
        json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        for statement in (trust, allowed)
    )
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=may)
    return arn


def permit(server: ComposedServer, function: str, service: str, source_arn: str) -> None:
    server.client("lambda").add_permission(
        FunctionName=function,
        StatementId=service.split(".", maxsplit=1)[0],
        Action="lambda:InvokeFunction",
        Principal=service,
        SourceArn=source_arn,
    )


def heard(server: ComposedServer, function: str, count: int) -> list[dict[str, Any]]:
    """Return what a function was called with, once there are so many calls."""
    logs, group = server.client("logs"), f"/aws/lambda/{function}"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found: list[dict[str, Any]] = []
        if logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            events = logs.filter_log_events(logGroupName=group, filterPattern="HEARD")["events"]
            found = [json.loads(event["message"].partition("HEARD ")[2]) for event in events]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_an_event_reaches_a_function_a_machine_and_through_a_topic_a_function(
    server: ComposedServer, function: str
) -> None:
    sns, states, events = (server.client(name) for name in ("sns", "stepfunctions", "events"))
    functions = server.client("lambda")
    arn = functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    topic = sns.create_topic(Name=function)["TopicArn"]
    permit(server, function, "sns.amazonaws.com", topic)
    subscription = sns.subscribe(
        TopicArn=topic,
        Protocol="lambda",
        Endpoint=arn,
        Attributes={"FilterPolicy": '{"doubled": [42]}', "FilterPolicyScope": "MessageBody"},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    invoke = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": arn, "Payload.$": "$"},
        "OutputPath": "$.Payload",
        "Next": "Tell",
    }
    tell = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": topic, "Message.$": "States.JsonToString($)"},
        "End": True,
    }
    definition = {"StartAt": "Double", "States": {"Double": invoke, "Tell": tell}}
    machine = states.create_state_machine(
        name=function,
        definition=json.dumps(definition),
        roleArn=role(server, "states.amazonaws.com", "lambda:InvokeFunction", "sns:Publish"),
    )["stateMachineArn"]
    rule = events.put_rule(Name=function, EventPattern=json.dumps({"source": [function]}))
    permit(server, function, "events.amazonaws.com", rule["RuleArn"])
    starts = role(server, "events.amazonaws.com", "states:StartExecution")
    targets = [{"Id": "f", "Arn": arn}, {"Id": "m", "Arn": machine, "RoleArn": starts}]
    assert events.put_targets(Rule=function, Targets=targets)["FailedEntryCount"] == 0

    # What the filter policy does not let through comes first.
    sns.publish(TopicArn=topic, Message='{"doubled": 1}')
    entry = {"Source": function, "DetailType": "number", "Detail": '{"n": 21}'}
    event_id = events.put_events(Entries=[entry])["Entries"][0]["EventId"]

    found = heard(server, function, 3)
    (told,) = [event["Records"][0] for event in found if "Records" in event]
    assert json.loads(told["Sns"]["Message"]) == {"doubled": 42}
    assert (told["EventSubscriptionArn"], told["Sns"]["TopicArn"]) == (subscription, topic)
    assert [event["id"] for event in found if "detail" in event] == [event_id, event_id]
    (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
    assert execution["name"].startswith(event_id)
