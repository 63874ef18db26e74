"""Events of functions and kill -9: what was acknowledged is handled, whenever the server dies."""

import json
import time
from pathlib import Path

import pytest

from services.lambda_.conftest import archive
from support.running_server import RunningServer

GENEROUS_SECONDS = 120
EVENTS = 8
REGION = "us-east-1"
SOURCE = """
import boto3

def handler(event, context):
    boto3.client("s3").put_object(Bucket="handled", Key=str(event), Body=context.aws_request_id)
"""


@pytest.mark.slow
def test_acknowledged_events_are_handled_although_the_server_is_killed(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "home", {"OUTCROP_FUNCTION_ISOLATION": "available"}).start()
    try:
        _prepare(server)
        functions = server.client("lambda")
        for number in range(EVENTS):
            answer = functions.invoke(
                FunctionName="writer", InvocationType="Event", Payload=str(number).encode()
            )
            assert answer["StatusCode"] == 202
            if number in {1, EVENTS - 1}:
                server.kill()
                server.start()
                functions = server.client("lambda")
        deadline = time.monotonic() + GENEROUS_SECONDS
        expected = {str(number) for number in range(EVENTS)}
        while (found := _handled(server)) != expected:
            assert time.monotonic() < deadline, f"only {found} were handled"
            time.sleep(0.1)
    finally:
        server.stop()


def _prepare(server: RunningServer) -> None:
    iam, functions = server.client("iam"), server.client("lambda")
    server.client("s3").create_bucket(Bucket="handled")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    role = iam.create_role(
        RoleName="writer",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::handled/*"}
    iam.put_role_policy(
        RoleName="writer",
        PolicyName="own",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    functions.create_function(
        FunctionName="writer",
        Runtime="python3.11",
        Handler="index.handler",
        Role=role["Role"]["Arn"],
        Timeout=60,
        MemorySize=512,
        Code={"ZipFile": archive({"index.py": SOURCE})},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="writer")


def _handled(server: RunningServer) -> set[str]:
    listed = server.client("s3").list_objects_v2(Bucket="handled").get("Contents", [])
    return {item["Key"] for item in listed}
