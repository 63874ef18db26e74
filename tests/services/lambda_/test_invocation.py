"""Calling functions and waiting for the answer."""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from services.lambda_.conftest import Make, make_role
from support.composed_server import ComposedServer

REGION = "eu-west-1"
AWS_CLI = Path(__file__).parents[3] / ".venv-awscli" / "bin" / "aws"


def test_the_answer_comes_with_version_and_log(lambda_client: Any, make: Make) -> None:
    name = make("def handler(event, context):\n    print('seen', event)\n    return event\n")
    answer = lambda_client.invoke(
        FunctionName=name, Payload=json.dumps({"a": [1, "ü"]}), LogType="Tail"
    )
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert json.load(answer["Payload"]) == {"a": [1, "ü"]}
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "START RequestId: " in log
    assert "seen {'a': [1, 'ü']}" in log
    assert "REPORT RequestId: " in log
    assert "LogResult" not in lambda_client.invoke(FunctionName=name)


def test_no_payload_is_an_empty_object(lambda_client: Any, make: Make) -> None:
    name = make("def handler(event, context):\n    return [event]\n")
    assert lambda_client.invoke(FunctionName=name)["Payload"].read() == b"[{}]"


def test_an_exception_is_part_of_the_answer(lambda_client: Any, make: Make) -> None:
    name = make("def handler(event, context):\n    raise ValueError('no such thing')\n")
    answer = lambda_client.invoke(FunctionName=name)
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    error = json.load(answer["Payload"])
    assert error["errorMessage"] == "no such thing"
    assert error["errorType"] == "ValueError"
    assert "in handler" in error["stackTrace"][-1]


def test_the_client_context_reaches_the_function(
    lambda_client: Any, make: Make, refused: Any
) -> None:
    name = make("def handler(event, context):\n    return context.client_context.custom\n")
    given = base64.b64encode(json.dumps({"custom": {"a": "b"}}).encode()).decode()
    answer = lambda_client.invoke(FunctionName=name, ClientContext=given)
    assert json.load(answer["Payload"]) == {"a": "b"}
    bad = refused(lambda_client.invoke, FunctionName=name, ClientContext="!")
    assert bad[0] == "InvalidRequestContentException"


def test_payloads_have_limits(lambda_client: Any, make: Make, refused: Any) -> None:
    name = make("def handler(event, context):\n    return 'x' * event\n")
    too_large = b'"' + b"x" * 6_291_456 + b'"'
    assert refused(lambda_client.invoke, FunctionName=name, Payload=too_large) == (
        "RequestEntityTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )
    too_large = b'"' + b"x" * 1_048_576 + b'"'
    assert refused(
        lambda_client.invoke, FunctionName=name, InvocationType="Event", Payload=too_large
    ) == (
        "RequestEntityTooLargeException",
        "Request must be smaller than 1048576 bytes for the InvokeFunction operation",
    )
    answer = lambda_client.invoke(FunctionName=name, Payload=b"7000000")
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"])["errorType"] == "Function.ResponseSizeTooLarge"


def test_what_is_no_json_is_refused(lambda_client: Any, make: Make, refused: Any) -> None:
    code, message = refused(lambda_client.invoke, FunctionName=make(), Payload=b"no json")
    assert code == "InvalidRequestContentException"
    assert message.startswith("Could not parse request body into json: ")


def test_a_dry_run_runs_nothing(lambda_client: Any, make: Make, refused: Any) -> None:
    name = make("raise SystemExit\n")
    answer = lambda_client.invoke(FunctionName=name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    missing = refused(lambda_client.invoke, FunctionName="none", InvocationType="DryRun")
    assert missing[0] == "ResourceNotFoundException"


def test_an_answer_can_be_streamed(lambda_client: Any, make: Make) -> None:
    name = make("def handler(event, context):\n    return 'x' * event\n")
    answer = lambda_client.invoke_with_response_stream(
        FunctionName=name, Payload=b"100000", LogType="Tail"
    )
    assert answer["ExecutedVersion"] == "$LATEST"
    events = list(answer["EventStream"])
    content = b"".join(item["PayloadChunk"]["Payload"] for item in events[:-1])
    assert len(events) > 2
    assert content == b'"' + b"x" * 100_000 + b'"'
    log = base64.b64decode(events[-1]["InvokeComplete"]["LogResult"])
    assert b"START RequestId: " in log


def test_a_function_acts_as_its_role_alone(
    lambda_client: Any, make: Make, server: ComposedServer
) -> None:
    s3 = server.client("s3")
    for bucket in ("readable-by-function", "closed-to-function"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=bucket, Key="greeting", Body=b"hello")
    reader = make_role(
        server,
        "reading-function",
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::readable-by-function/*",
        },
    )
    source = """
import boto3

def handler(event, context):
    try:
        body = boto3.client("s3").get_object(Bucket=event, Key="greeting")["Body"].read().decode()
        return [body, boto3.client("sts").get_caller_identity()["Arn"]]
    except Exception as error:
        return str(error)
"""
    name = make(source, Role=reader, Timeout=60, MemorySize=512)
    answer = lambda_client.invoke(FunctionName=name, Payload=b'"readable-by-function"')
    body, arn = json.load(answer["Payload"])
    assert body == "hello"
    assert arn == f"arn:aws:sts::123456789012:assumed-role/reading-function/{name}"
    answer = lambda_client.invoke(FunctionName=name, Payload=b'"closed-to-function"')
    assert "AccessDenied" in json.load(answer["Payload"])


def test_a_role_that_trusts_lambda_no_more_stops_the_function(
    lambda_client: Any, make: Make, server: ComposedServer, refused: Any
) -> None:
    role = make_role(server, "fickle-role")
    name = make(Role=role)
    assert lambda_client.invoke(FunctionName=name)["StatusCode"] == 200
    iam = server.client("iam")
    iam.delete_role(RoleName="fickle-role")
    assert refused(lambda_client.invoke, FunctionName=name) == (
        "AccessDeniedException",
        "The role defined for the function cannot be assumed by Lambda.",
    )


def test_what_a_function_logs_is_in_its_log_group(
    lambda_client: Any, make: Make, server: ComposedServer
) -> None:
    name = make("def handler(event, context):\n    print('for the log', event)\n")
    lambda_client.invoke(FunctionName=name, Payload=b'"one"')
    logs = server.client("logs")
    found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="log one")
    assert [item["message"].strip() for item in found["events"]] == ["for the log one"]


def test_the_command_line_of_aws_calls_functions(
    make: Make, server: ComposedServer, tmp_path: Path
) -> None:
    name = make("def handler(event, context):\n    return {'got': event['a']}\n")
    answer = tmp_path / "answer.json"
    finished = subprocess.run(
        [
            str(AWS_CLI),
            "lambda",
            "invoke",
            "--function-name",
            name,
            "--payload",
            '{"a": 5}',
            str(answer),
        ],
        env={
            **os.environ,
            "PATH": f"{AWS_CLI.parent}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
            "AWS_ACCESS_KEY_ID": server.root_key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.root_key.secret_access_key,
            "AWS_DEFAULT_REGION": REGION,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads(answer.read_text()) == {"got": 5}
