"""A server full of executions, killed again and again: each ends as if nothing had happened.

Their histories have every event once, and each started its children once, although the call that starts one may be
made again after a kill.
"""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from support.running_server import RunningServer, running_server

ITEMS = 4
END_SECONDS = 300.0
CHILD = {
    "StartAt": "Rest",
    "States": {
        "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Echo"},
        "Echo": {"Type": "Pass", "End": True},
    },
}


def parent(child_arn: str) -> dict[str, Any]:
    """A loop, then children side by side, then a wait."""
    return {
        "StartAt": "Init",
        "States": {
            "Init": {"Type": "Pass", "Result": {"n": 0}, "ResultPath": "$.loop", "Next": "Add"},
            "Add": {
                "Type": "Pass",
                "Parameters": {"n.$": "States.MathAdd($.loop.n, 1)"},
                "ResultPath": "$.loop",
                "Next": "Enough",
            },
            "Enough": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.loop.n", "NumericLessThan": 50, "Next": "Add"}],
                "Default": "Children",
            },
            "Children": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "ResultPath": "$.children",
                "ItemProcessor": {
                    "StartAt": "Start",
                    "States": {
                        "Start": {
                            "Type": "Task",
                            "Resource": "arn:aws:states:::states:startExecution.sync:2",
                            "Parameters": {
                                "StateMachineArn": child_arn,
                                "Input": {"item.$": "$"},
                            },
                            "OutputPath": "$.Output",
                            "End": True,
                        }
                    },
                },
                "Next": "Pause",
            },
            "Pause": {"Type": "Wait", "Seconds": 2, "End": True},
        },
    }


@pytest.fixture
def workflow_server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "home", {"OUTCROP_WAIT_SCALE": "0.2"}) as started:
        yield started


class Disturbed:
    """Executions of a server that does not live long."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        role = self._role()
        sfn = server.client("stepfunctions")
        self.child = sfn.create_state_machine(
            name="child", definition=json.dumps(CHILD), roleArn=role
        )["stateMachineArn"]
        self.parent = sfn.create_state_machine(
            name="parent", definition=json.dumps(parent(self.child)), roleArn=role
        )["stateMachineArn"]
        self.started: list[str] = []

    def _role(self) -> str:
        iam = self.server.client("iam")
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "states.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        role = iam.create_role(
            RoleName="machines",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": ["states:*", "events:*"], "Resource": "*"}
        iam.put_role_policy(
            RoleName="machines",
            PolicyName="all",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
        )
        return str(role)

    def start(self, count: int) -> None:
        """Start executions; what is not acknowledged may or may not have begun."""
        sfn = self.server.client("stepfunctions")
        value = json.dumps({"items": list(range(ITEMS))})
        for _ in range(count):
            answer = sfn.start_execution(stateMachineArn=self.parent, input=value)
            self.started.append(answer["executionArn"])

    def kill(self) -> None:
        """Kill the server and start it again."""
        self.server.kill()
        self.server.start()

    def end(self) -> None:
        """Wait until every execution has ended."""
        sfn = self.server.client("stepfunctions")
        deadline = time.monotonic() + END_SECONDS
        for arn in self.started:
            while (found := sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
                assert time.monotonic() < deadline, (arn, self.server.log[-3000:])
                time.sleep(0.05)
            assert found["status"] == "SUCCEEDED", found
            children = json.loads(found["output"])["children"]
            assert children == [{"item": item} for item in range(ITEMS)]

    def histories(self) -> list[list[dict[str, Any]]]:
        """Every execution's events."""
        sfn = self.server.client("stepfunctions")
        pages = sfn.get_paginator("get_execution_history")
        return [
            [event for page in pages.paginate(executionArn=arn) for event in page["events"]]
            for arn in self.started
        ]

    def children(self) -> list[dict[str, Any]]:
        """Every child that was started."""
        pages = self.server.client("stepfunctions").get_paginator("list_executions")
        return [
            found
            for page in pages.paginate(stateMachineArn=self.child)
            for found in page["executions"]
        ]

    def check(self) -> None:
        """See that nothing is missing and nothing was done twice."""
        self.end()
        shapes = set()
        for events in self.histories():
            assert [event["id"] for event in events] == list(range(1, len(events) + 1))
            shapes.add(tuple(sorted(event["type"] for event in events)))
            for event in events[1:]:
                assert event["previousEventId"] < event["id"]
        assert len(shapes) == 1, "histories differ in what happened"
        children = self.children()
        assert len(children) == ITEMS * len(self.started)
        assert {child["status"] for child in children} == {"SUCCEEDED"}


def test_executions_outlive_kills_of_their_server(workflow_server: RunningServer) -> None:
    chosen = random.Random(17)
    disturbed = Disturbed(workflow_server)
    disturbed.start(6)
    for _ in range(3):
        time.sleep(chosen.uniform(0.0, 0.3))
        disturbed.kill()
    disturbed.check()


@pytest.mark.slow
def test_executions_outlive_thirty_kills(workflow_server: RunningServer) -> None:
    chosen = random.Random(19)
    disturbed = Disturbed(workflow_server)
    for _ in range(30):
        try:
            disturbed.start(3)
        except (BotoCoreError, ClientError) as error:
            pytest.fail(f"a server that answers refused to start an execution: {error}")
        time.sleep(chosen.uniform(0.0, 0.5))
        disturbed.kill()
    disturbed.check()
