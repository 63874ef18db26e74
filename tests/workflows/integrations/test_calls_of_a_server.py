"""Integrations in front of the whole product: real operations, permissions and errors."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from outcrop.aws.arns import custom_model_arn, customization_job_arn, foundation_model_arn
from outcrop.core.jobs import JobStatus, Phases
from outcrop.storage import customization_jobs
from outcrop.storage.customization_jobs import JobRow
from outcrop.workflows.integrations import make_integrations
from outcrop.workflows.integrations.registry import ServiceIntegrations
from outcrop.workflows.tasks import TaskCall, TaskFailed
from support.composed_server import ComposedServer
from workflows.integrations.conftest import ACCOUNT, MACHINE

Task = Callable[..., TaskCall]
Run = Callable[..., Any]
REGION, BASE = "us-east-1", "outcrop.nano-v1:0"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    running = ComposedServer(tmp_path_factory.mktemp("integrations")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def integrations(server: ComposedServer) -> ServiceIntegrations:
    platform = server.platform
    return make_integrations(
        platform.invoke, platform.directory, platform.database, account_id=platform.account_id
    )


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture(scope="module")
def role(server: ComposedServer) -> str:
    iam = server.client("iam")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "states.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnLike": {"aws:SourceArn": MACHINE}},
    }
    made = iam.create_role(RoleName="machine", AssumeRolePolicyDocument=document(trust))
    allowed = ["s3:*", "secretsmanager:*", "events:PutEvents", "kms:*", "bedrock:Get*"]
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    iam.put_role_policy(RoleName="machine", PolicyName="own", PolicyDocument=document(statement))
    arn: str = made["Role"]["Arn"]
    return arn


@pytest.fixture
def run(server: ComposedServer, integrations: ServiceIntegrations, role: str, task: Task) -> Run:
    """Run a task as the role; return its result, or the failure."""

    def perform(resource: str, arguments: Any, **changes: Any) -> Any:
        call = task(resource, arguments, role_arn=role, **changes)
        integrations.describe(call.resource, arguments, REGION)
        try:
            return server.platform.on_loop(integrations.start(call))
        except TaskFailed as failed:
            return failed

    return perform


@pytest.fixture
def bucket(server: ComposedServer) -> str:
    name = f"bucket-{uuid4()}"
    server.client("s3", region=REGION).create_bucket(Bucket=name)
    return name


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ("text data", '"text data"'),
        ("", '""'),
        ({"Dict": ["Value"]}, '{"Dict":["Value"]}'),
        (["List", "Data"], '["List","Data"]'),
        (False, "false"),
        (0, "0"),
    ],
)
def test_objects_are_written_and_read(run: Run, bucket: str, body: Any, content: str) -> None:
    put = run("aws-sdk:s3:putObject", {"Bucket": bucket, "Key": "k", "Body": body})
    got = run("aws-sdk:s3:getObject", {"Bucket": bucket, "Key": "k"})
    assert got["Body"] == content
    assert put.keys() == {"ETag", "ServerSideEncryption"}
    assert (got["ETag"], got["ContentLength"]) == (put["ETag"], len(content))
    assert got["Metadata"] == {}
    assert got["LastModified"].endswith("Z")
    listed = run("aws-sdk:s3:listObjectsV2", {"Bucket": bucket})
    assert [item["Key"] for item in listed["Contents"]] == ["k"]


def test_a_large_object_is_read_whole(run: Run, bucket: str) -> None:
    text = "0123456789" * 100_000
    run("s3:putObject", {"Bucket": bucket, "Key": "k", "Body": text})
    assert run("s3:getObject", {"Bucket": bucket, "Key": "k"})["Body"] == text


def test_missing_things_are_named_as_the_sdk_names_them(run: Run, bucket: str) -> None:
    failed = run("aws-sdk:s3:getObject", {"Bucket": bucket, "Key": "none"})
    assert failed.error == "S3.NoSuchKeyException"
    assert failed.cause.startswith(
        "The specified key does not exist. (Service: S3, Status Code: 404, Request ID: "
    )
    failed = run("aws-sdk:s3:listObjects", {"Bucket": f"{bucket}-none"})
    assert failed.error == "S3.NoSuchBucketException"
    failed = run("aws-sdk:bedrock:getModelCustomizationJob", {"JobIdentifier": "none"})
    assert failed.error == "Bedrock.ResourceNotFoundException"
    assert "(Service: Bedrock, Status Code: 404, Request ID: " in failed.cause
    failed = run("aws-sdk:secretsmanager:createSecret", {"Name": "Invalid Name"})
    assert failed.error == "SecretsManager.SecretsManagerException"
    assert "(Service: SecretsManager, Status Code: 400, Request ID: " in failed.cause


def test_a_role_does_only_what_its_policies_allow(run: Run, role: str) -> None:
    failed = run("aws-sdk:bedrock:listCustomModels", {})
    assert failed.error == "Bedrock.AccessDeniedException"
    session = role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
    assert failed.cause.startswith(f"User: {session}/")
    assert "is not authorized to perform: bedrock:ListCustomModels" in failed.cause
    assert "(Service: Bedrock, Status Code: 403, Request ID: " in failed.cause
    failed = run("aws-sdk:iam:listUsers", {})
    assert failed.error == "Iam.IamException"


def test_a_role_that_trusts_another_machine_is_not_assumed(run: Run) -> None:
    failed = run("aws-sdk:s3:listBuckets", {}, state_machine_arn=f"{MACHINE}-other")
    assert failed.error == "States.TaskFailed"
    assert "is authorized to assume the provided role" in failed.cause


def test_secrets_and_keys_have_the_members_of_the_sdk(run: Run) -> None:
    name = f"secret-{uuid4()}"
    made = run("aws-sdk:secretsmanager:createSecret", {"Name": name, "SecretString": {"a": 1}})
    assert made["Arn"].startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}")
    read = run("aws-sdk:secretsmanager:getSecretValue", {"SecretId": name})
    assert read["SecretString"] == '{"a":1}'
    key = run("aws-sdk:kms:createKey", {"Description": "own"})
    assert key["KeyMetadata"]["AwsAccountId"] == ACCOUNT


def test_events_are_put_on_the_bus(run: Run) -> None:
    entry = {"Source": "mine", "DetailType": "t", "Detail": {"Message": "hi"}}
    output = run("events:putEvents", {"Entries": [entry]})
    assert output["FailedEntryCount"] == 0
    assert len(output["Entries"]) == 1
    failed = run("events:putEvents", {"Entries": [entry, {**entry, "Detail": '"text"'}]})
    assert failed.error == "EventBridge.FailedEntry"
    cause = json.loads(failed.cause)
    assert cause["FailedEntryCount"] == 1
    assert cause["Entries"][1] == {
        "ErrorCode": "MalformedDetail",
        "ErrorMessage": "Detail is malformed.",
    }


def job_row(status: JobStatus) -> JobRow:
    name = f"job-{uuid4().hex[:12]}"
    job_id = name[-12:]
    base = foundation_model_arn(REGION, BASE)
    request = {
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
        "baseModelArn": base,
        "hyperParameters": {"epochCount": "1"},
        "trainingDataConfig": {"s3Uri": "s3://b/train"},
        "outputDataConfig": {"s3Uri": "s3://b/out"},
    }
    return JobRow(
        id=job_id,
        region=REGION,
        name=name,
        arn=customization_job_arn(REGION, ACCOUNT, BASE, job_id),
        status=status,
        base_model_arn=base,
        model_name="mine",
        model_arn=custom_model_arn(REGION, ACCOUNT, BASE, job_id),
        customization_type="FINE_TUNING",
        created_us=1_767_323_045_000_000,
        modified_us=1_767_323_046_000_000,
        ended_us=None,
        failure_message=None,
        request_json=json.dumps(request),
        phases_json=json.dumps(Phases().to_json()),
        metrics_json=None,
        plan_json="{}",
    )


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED])
def test_a_job_is_waited_for_until_it_ends(
    server: ComposedServer,
    integrations: ServiceIntegrations,
    role: str,
    task: Task,
    status: JobStatus,
) -> None:
    row, platform = job_row(JobStatus.IN_PROGRESS), server.platform
    with platform.database.write() as connection:
        customization_jobs.insert(connection, row)
    call = task("bedrock:createModelCustomizationJob.sync", {}, role_arn=role)
    assert platform.loop is not None
    waiting = asyncio.run_coroutine_threadsafe(
        integrations.wait(call, {"JobArn": row.arn}), platform.loop
    )
    with pytest.raises(TimeoutError):
        waiting.result(0.3)
    with platform.database.write() as connection:
        message = "it failed" if status == JobStatus.FAILED else None
        customization_jobs.move(connection, row, status, row.modified_us, failure_message=message)
    if status == JobStatus.COMPLETED:
        output = waiting.result(60)
    else:
        with pytest.raises(TaskFailed) as caught:
            waiting.result(60)
        assert caught.value.error == "States.TaskFailed"
        output = json.loads(caught.value.cause)
        assert output["FailureMessage"] == "it failed"
    assert output["JobArn"] == row.arn
    assert output["Status"] == status
    assert output["OutputModelName"] == "mine"
    assert output["CreationTime"] == "2026-01-02T03:04:05Z"
    assert output["TrainingDataConfig"] == {"S3Uri": "s3://b/train"}
    assert output["HyperParameters"] == {"epochCount": "1"}


def test_a_job_that_bedrock_refuses_is_not_submitted(run: Run, role: str) -> None:
    arguments = {
        "JobName": "job",
        "CustomModelName": "model",
        "RoleArn": role,
        "BaseModelIdentifier": "outcrop.nano-v1:0",
        "HyperParameters": {"epochCount": "1"},
        "TrainingDataConfig": {"S3Uri": "s3://bucket/none"},
        "OutputDataConfig": {"S3Uri": "s3://bucket/out"},
    }
    failed = run("bedrock:createModelCustomizationJob.sync", arguments)
    assert (failed.error, failed.at) == ("Bedrock.AccessDeniedException", "submit")
    assert "bedrock:CreateModelCustomizationJob" in failed.cause
