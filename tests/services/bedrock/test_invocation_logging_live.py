"""Invocations of a real model, logged by a real server that is killed."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.running_server import RunningServer, running_server

MODEL = "outcrop.nano-v1:0"
REGION = "us-east-1"
BUCKET = "invocations-of-all"
GROUP = "/bedrock/invocations"
PATIENCE_SECONDS = 120


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)
    return found


def allow(server: RunningServer) -> None:
    """Make the bucket, the group and the role, and have invocations logged to both."""
    account = server.root_key["account_id"]
    source = {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{account}:*"},
    }
    principal = {"Service": "bedrock.amazonaws.com"}

    def policy(**statement: Any) -> str:
        whole = {"Effect": "Allow", **statement}
        return json.dumps({"Version": "2012-10-17", "Statement": [whole]})

    s3 = server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_policy(
        Bucket=BUCKET,
        Policy=policy(
            Principal=principal,
            Action="s3:PutObject",
            Resource=f"arn:aws:s3:::{BUCKET}/AWSLogs/{account}/BedrockModelInvocationLogs/*",
            Condition=source,
        ),
    )
    server.client("logs").create_log_group(logGroupName=GROUP)
    iam = server.client("iam")
    trust = policy(Principal=principal, Action="sts:AssumeRole", Condition=source)
    role = iam.create_role(RoleName="logging", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="logging",
        PolicyName="write",
        PolicyDocument=policy(Action=["logs:CreateLogStream", "logs:PutLogEvents"], Resource="*"),
    )
    server.client("bedrock").put_model_invocation_logging_configuration(
        loggingConfig={
            "s3Config": {"bucketName": BUCKET},
            "cloudWatchConfig": {"logGroupName": GROUP, "roleArn": role},
            "textDataDeliveryEnabled": True,
        }
    )


def records_of(server: RunningServer) -> list[dict[str, Any]]:
    s3 = server.client("s3")
    found = []
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        if item["Key"].endswith(".json.gz"):
            content = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
            found += [json.loads(line) for line in gzip.decompress(content).splitlines()]
    return found


def invoke_all(runtime: Any) -> dict[str, dict[str, Any]]:
    """Invoke in each of the four ways; return operation → what was answered."""
    body = json.dumps({"prompt": "A river", "max_tokens": 4})
    plain = runtime.invoke_model(modelId=MODEL, body=body)
    streamed = runtime.invoke_model_with_response_stream(modelId=MODEL, body=body)
    chunks = [json.loads(event["chunk"]["bytes"]) for event in streamed["body"]]
    conversation = {
        "modelId": MODEL,
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
        "inferenceConfig": {"maxTokens": 4},
        "requestMetadata": {"team": "blue"},
    }
    told = runtime.converse(**conversation)
    events = list(runtime.converse_stream(**conversation)["stream"])
    pieces = [
        event["contentBlockDelta"]["delta"]["text"]
        for event in events
        if "contentBlockDelta" in event
    ]
    return {
        "InvokeModel": {
            "body": json.loads(plain["body"].read()),
            "id": plain["ResponseMetadata"]["RequestId"],
        },
        "InvokeModelWithResponseStream": {"body": chunks},
        "Converse": {"body": told["output"], "usage": told["usage"]},
        "ConverseStream": {
            "body": {"message": {"role": "assistant", "content": [{"text": "".join(pieces)}]}},
            "usage": events[-1]["metadata"]["usage"],
        },
    }


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the bundled model, of this module's own: one of its tests kills it."""
    variables = {"OUTCROP_MODEL_WAIT_SECONDS": "100", "OUTCROP_ENGINE_THREADS": "1"}
    home = tmp_path_factory.mktemp("invocations") / "home"
    with running_server(home, variables) as server:
        yield server


def test_every_answer_that_was_given_is_logged_though_the_server_was_killed(
    started: RunningServer,
) -> None:
    allow(started)
    runtime = started.client("bedrock-runtime")
    answers = invoke_all(runtime)
    with pytest.raises(runtime.exceptions.ValidationException, match="nothing"):
        runtime.invoke_model(modelId=MODEL, body=json.dumps({"prompt": "x", "nothing": 1}))
    for number in range(6):
        runtime.invoke_model(
            modelId=MODEL, body=json.dumps({"prompt": f"number {number}", "max_tokens": 1})
        )
    started.kill()
    started.start()

    records = wait_for(lambda: found if len(found := records_of(started)) >= 11 else None)

    assert len(records) == 11
    assert len({record["requestId"] for record in records}) == 11
    by_operation = {}
    for record in reversed(records):
        by_operation[record["operation"]] = record
    for operation, answer in answers.items():
        record = by_operation[operation]
        output = record["output"]["outputBodyJson"]
        said = output["output"] if "Converse" in operation else output
        assert said == answer["body"], operation
        assert record["modelId"] == MODEL
        assert record["identity"]["arn"].endswith(":root")
        assert record["schemaType"] == "ModelInvocationLog"
        assert record["input"]["inputTokenCount"] > 0
        assert record["output"]["outputTokenCount"] > 0
    assert by_operation["InvokeModel"]["requestId"] == answers["InvokeModel"]["id"]
    assert by_operation["InvokeModel"]["input"]["inputBodyJson"] == {
        "prompt": "A river",
        "max_tokens": 4,
    }
    assert by_operation["Converse"]["requestMetadata"] == {"team": "blue"}
    usage = answers["ConverseStream"]["usage"]
    assert by_operation["ConverseStream"]["input"]["inputTokenCount"] == usage["inputTokens"]
    (failed,) = [record for record in records if "errorCode" in record]
    assert failed["errorCode"] == "ValidationException"
    assert "output" not in failed

    logs = started.client("logs")
    events = wait_for(
        lambda: (
            found
            if len(
                found := logs.filter_log_events(
                    logGroupName=GROUP, filterPattern="{ $.requestId = * }"
                )["events"]
            )
            >= 11
            else None
        )
    )
    assert {json.loads(event["message"])["requestId"] for event in events} == {
        record["requestId"] for record in records
    }


def test_invocations_are_counted_as_metrics_of_their_model(started: RunningServer) -> None:
    runtime = started.client("bedrock-runtime")
    now = datetime.now(UTC)

    def sum_of(name: str) -> float:
        points = started.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Bedrock",
            MetricName=name,
            Dimensions=[{"Name": "ModelId", "Value": MODEL}],
            StartTime=now - timedelta(hours=2),
            EndTime=now + timedelta(hours=2),
            Period=86_400,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    names = (
        *("Invocations", "InvocationClientErrors", "InvocationLatency"),
        *("InputTokenCount", "OutputTokenCount"),
    )
    before = {name: sum_of(name) for name in names}
    invoke_all(runtime)
    with pytest.raises(runtime.exceptions.ValidationException, match="user message"):
        runtime.converse(modelId=MODEL, messages=[])
    added = {name: sum_of(name) - before[name] for name in names}

    assert added["Invocations"] == 4
    assert added["InvocationClientErrors"] == 1
    assert added["InputTokenCount"] > 4
    assert 0 < added["OutputTokenCount"] <= 16
    assert added["InvocationLatency"] >= 0
