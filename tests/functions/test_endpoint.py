"""boto3 in a function, with nothing configured in its code, speaks to the server as the function's role."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.functions.code import FunctionCode
from support.composed_server import ComposedServer
from support.functions import NO_LIMIT_SECONDS

TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}
SOURCE = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    who = boto3.client("sts").get_caller_identity()["Arn"]
    storage = boto3.client("s3")
    storage.put_object(Bucket="allowed", Key="large", Body=b"x" * event)
    size = len(storage.get_object(Bucket="allowed", Key="large")["Body"].read())
    try:
        storage.list_buckets()
    except ClientError as error:
        return [who, size, error.response["Error"]["Code"]]
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ComposedServer]:
    started = ComposedServer(tmp_path / "home").start()
    yield started
    started.stop()


def test_boto3_acts_as_the_functions_role(server: ComposedServer, tmp_path: Path) -> None:
    identities = server.client("iam")
    role = identities.create_role(RoleName="runner", AssumeRolePolicyDocument=json.dumps(TRUST))
    statement = {"Effect": "Allow", "Action": "s3:*Object", "Resource": "arn:aws:s3:::allowed/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    identities.put_role_policy(RoleName="runner", PolicyName="objects", PolicyDocument=policy)
    server.client("s3", region="us-east-1").create_bucket(Bucket="allowed")
    folder = tmp_path / "package"
    folder.mkdir(mode=0o755)
    (folder / "app.py").write_text(SOURCE)
    (folder / "app.py").chmod(0o644)
    code = FunctionCode(
        arn="arn:aws:lambda:us-east-1:123456789012:function:runner",
        name="runner",
        version="$LATEST",
        revision="1",
        folder=folder,
        handler="app.handler",
        runtime="python3.12",
        region="us-east-1",
        account_id="123456789012",
        role_arn=role["Role"]["Arn"],
        timeout_seconds=NO_LIMIT_SECONDS,
        memory_mb=512,
    )
    assert server._loop is not None
    ended = asyncio.run_coroutine_threadsafe(
        server.platform.functions.invoke(
            code, b"3000000", request_id="11111111-2222-4333-8444-555555555555"
        ),
        server._loop,
    ).result(NO_LIMIT_SECONDS)
    assert json.loads(ended.payload) == [
        "arn:aws:sts::123456789012:assumed-role/runner/runner",
        3_000_000,
        "AccessDenied",
    ]
