"""Rules whose target is a state machine, and machines that put events themselves."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest

from support.composed_server import ComposedServer

PATIENCE_SECONDS = 60


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def role(server: ComposedServer) -> Any:
    """Make a role for a service that may do some actions."""

    def make(principal: str, *actions: str) -> str:
        iam, name = server.client("iam"), f"role-{uuid4()}"
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": principal},
            "Action": "sts:AssumeRole",
        }
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
        if actions:
            allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(allowed))
        arn: str = made["Role"]["Arn"]
        return arn

    return make


def machine(server: ComposedServer, name: str, role_arn: str, state: dict[str, Any]) -> str:
    definition = {"StartAt": "Only", "States": {"Only": {**state, "End": True}}}
    made = server.client("stepfunctions").create_state_machine(
        name=name[:80], definition=json.dumps(definition), roleArn=role_arn
    )
    arn: str = made["stateMachineArn"]
    return arn


def ended(server: ComposedServer, machine_arn: str) -> dict[str, Any]:
    """Wait for the one execution of a machine to end; return its description."""
    states = server.client("stepfunctions")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = states.list_executions(stateMachineArn=machine_arn)["executions"]
        if found and found[0]["status"] != "RUNNING":
            description: dict[str, Any] = states.describe_execution(
                executionArn=found[0]["executionArn"]
            )
            return description
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_machine_puts_an_event_and_a_rule_starts_another_with_it(
    server: ComposedServer, client: Any, name: str, role: Any
) -> None:
    heard = machine(server, f"heard-{name}", role("states.amazonaws.com"), {"Type": "Pass"})
    client.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    target = {
        "Id": "machine",
        "Arn": heard,
        "RoleArn": role("events.amazonaws.com", "states:StartExecution"),
        "InputPath": "$",
    }
    client.put_targets(Rule=name, Targets=[target])
    entry = {"Source": name, "DetailType": "t", "Detail": {"n.$": "$.n"}}
    told = machine(
        server,
        f"told-{name}",
        role("states.amazonaws.com", "events:PutEvents"),
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::events:putEvents",
            "Parameters": {"Entries": [entry]},
        },
    )
    states = server.client("stepfunctions")
    started = states.start_execution(stateMachineArn=told, input='{"n": 5}')
    assert ended(server, told)["status"] == "SUCCEEDED"
    execution = ended(server, heard)
    assert execution["status"] == "SUCCEEDED"
    event = json.loads(execution["input"])
    assert event["detail"] == {"n": 5}
    assert event["resources"] == [told, started["executionArn"]]
    assert execution["name"].startswith(f"{event['id']}_")


def test_a_machine_waits_for_the_one_that_it_starts(
    server: ComposedServer, name: str, role: Any
) -> None:
    child = machine(
        server,
        f"child-{name}",
        role("states.amazonaws.com"),
        {"Type": "Pass", "Result": {"Arg1": "argument1"}},
    )
    arn = role("states.amazonaws.com", "states:StartExecution", "states:DescribeExecution")
    parent = machine(
        server,
        f"parent-{name}",
        arn,
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": {"StateMachineArn": child, "Input": {"from.$": "$$.Execution.Id"}},
        },
    )
    states = server.client("stepfunctions")
    started = states.start_execution(stateMachineArn=parent)
    execution = ended(server, parent)
    assert execution["status"] == "SUCCEEDED"
    output = json.loads(execution["output"])
    assert output["Output"] == {"Arg1": "argument1"}
    assert output["Input"] == {"from": started["executionArn"]}
    assert output["Status"] == "SUCCEEDED"


def test_a_state_acts_as_the_role_of_its_credentials(
    server: ComposedServer, name: str, role: Any
) -> None:
    iam = server.client("iam")
    own = role("states.amazonaws.com", "sts:AssumeRole")
    other = role("states.amazonaws.com", "s3:ListAllMyBuckets")
    trust = {"Effect": "Allow", "Principal": {"AWS": own}, "Action": "sts:AssumeRole"}
    iam.update_assume_role_policy(RoleName=other.rpartition("/")[2], PolicyDocument=document(trust))
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets",
        "Parameters": {},
    }
    states = server.client("stepfunctions")
    allowed = machine(server, f"allowed-{name}", own, {**task, "Credentials": {"RoleArn": other}})
    denied = machine(server, f"denied-{name}", own, task)
    for arn in (allowed, denied):
        states.start_execution(stateMachineArn=arn)
    execution = ended(server, allowed)
    assert execution["status"] == "SUCCEEDED", execution
    assert "Buckets" in json.loads(execution["output"])
    execution = ended(server, denied)
    assert (execution["status"], execution["error"]) == ("FAILED", "S3.S3Exception")
