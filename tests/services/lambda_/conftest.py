"""Lambda behind the real gateway, with real boto3 clients and real processes."""

import asyncio
import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from outcrop.services.lambda_ import startup
from support.composed_server import ComposedServer

Make = Callable[..., Any]

ECHO = """
import os

def handler(event, context):
    return {
        "event": event,
        "arn": context.invoked_function_arn,
        "version": context.function_version,
        "colour": os.environ.get("COLOUR"),
    }
"""


def archive(files: Mapping[str, str]) -> bytes:
    """Return a zip archive of texts."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    return content.getvalue()


def finish(server: ComposedServer, work: Any) -> Any:
    """Run a coroutine on the server's loop and return what it does."""
    assert server._loop is not None
    return asyncio.run_coroutine_threadsafe(work, server._loop).result(60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    running = ComposedServer(tmp_path_factory.mktemp("lambda")).start()
    yield running
    finish(running, startup.stop(running.platform))
    running.stop()


@pytest.fixture(scope="module")
def lambda_client(server: ComposedServer) -> Any:
    return server.client("lambda")


@pytest.fixture(scope="module")
def role(server: ComposedServer) -> str:
    """ARN of a role that Lambda may assume, and that may do nothing."""
    return make_role(server, "function-role")


def make_role(server: ComposedServer, name: str, *statements: Mapping[str, Any]) -> str:
    """Return the ARN of a new role for functions, allowed what the statements say."""
    iam = server.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    if statements:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(document))
    arn: str = made["Role"]["Arn"]
    return arn


@pytest.fixture
def make(lambda_client: Any, role: str) -> Make:
    """Make a function that is Active when this returns; its name is drawn."""

    def made(source: str = ECHO, **request: Any) -> str:
        name = f"function-{uuid.uuid4().hex[:12]}"
        lambda_client.create_function(
            **{
                "FunctionName": name,
                "Runtime": "python3.11",
                "Handler": "index.handler",
                "Role": role,
                "Code": {"ZipFile": archive({"index.py": source})},
                **request,
            }
        )
        lambda_client.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400}
        )
        return name

    return made


@pytest.fixture
def refused() -> Callable[..., tuple[str, str]]:
    """Call, and return (code, message) of the error that is answered."""

    def call(function: Any, **request: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:  # the codes are what the tests look at
            function(**request)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call
