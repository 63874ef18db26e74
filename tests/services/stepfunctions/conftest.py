"""Step Functions behind the real gateway, with real boto3 clients and a role that it may assume."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from support.composed_server import ComposedServer, Refused, refuse

PASS = {
    "StartAt": "State_1",
    "States": {"State_1": {"Type": "Pass", "Result": {"Arg1": "argument1"}, "End": True}},
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "states.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
MakeRole = Callable[..., str]
MakeMachine = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    running = ComposedServer(tmp_path_factory.mktemp("states")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(server: ComposedServer) -> Any:
    return server.client("stepfunctions")


@pytest.fixture(scope="module")
def make_role(server: ComposedServer) -> MakeRole:
    """Make a role that may do everything that its policy says, and return its ARN."""
    iam = server.client("iam")

    def make(trust: Any = TRUST, actions: str | list[str] = "*") -> str:
        name = f"role-{uuid4()}"
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        iam.put_role_policy(
            RoleName=name,
            PolicyName="work",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
        arn: str = made["Role"]["Arn"]
        return arn

    return make


@pytest.fixture(scope="module")
def role(make_role: MakeRole) -> str:
    return make_role()


@pytest.fixture
def name() -> str:
    return f"machine-{uuid4()}"


@pytest.fixture
def make(client: Any, role: str) -> MakeMachine:
    """Make a machine with a definition of one Pass state, unless told otherwise."""

    def create(**request: Any) -> dict[str, Any]:
        definition = request.pop("definition", PASS)
        text = definition if isinstance(definition, str) else json.dumps(definition)
        made: dict[str, Any] = client.create_state_machine(
            **{"name": f"machine-{uuid4()}", "roleArn": role, "definition": text, **request}
        )
        return made

    return create


@pytest.fixture
def refused() -> Refused:
    """Call, and return (code, message) of the error that is answered with status 400."""
    return refuse
