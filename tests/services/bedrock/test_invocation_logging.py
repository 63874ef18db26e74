"""Where invocations are logged to, and that their records arrive there; the records are made by hand."""

import gzip
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from outcrop.services.bedrock.invocation_delivery import InvocationDelivery
from support.composed_server import ComposedServer, refuse

REGION = "us-east-1"
CHECK_OBJECT = "amazon-bedrock-logs-permission-check"


class Place:
    """A server's buckets and log groups for logs.

    Args:
        server: composed.
    """

    def __init__(self, server: ComposedServer) -> None:
        self.server = server
        self.account = server.root_key.account_id
        self.bedrock = server.client("bedrock", region=REGION)
        self.s3 = server.client("s3", region=REGION)
        self.logs = server.client("logs", region=REGION)
        self.iam = server.client("iam", region=REGION)

    def bucket(self, *, is_open: bool = True) -> str:
        """Return a new bucket, which Bedrock may write logs into."""
        name = f"logs-{uuid4()}"
        self.s3.create_bucket(Bucket=name)
        if is_open:
            self.open(name)
        return name

    def open(self, bucket: str) -> None:
        """Put the bucket policy of Bedrock's guide."""
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "bedrock.amazonaws.com"},
                    "Action": ["s3:PutObject"],
                    "Resource": [f"arn:aws:s3:::{bucket}/*AWSLogs/{self.account}/*"],
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": self.account},
                        "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{self.account}:*"},
                    },
                }
            ],
        }
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    def group(self) -> str:
        """Return a new log group."""
        name = f"/bedrock/{uuid4()}"
        self.logs.create_log_group(logGroupName=name)
        return name

    def role(self, group: str, *, is_trusting: bool = True) -> str:
        """Return a role that may write into a group, as Bedrock's guide has it."""
        name = f"logging-{uuid4().hex[:12]}"
        service = "bedrock.amazonaws.com" if is_trusting else "lambda.amazonaws.com"
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": service},
                    "Action": "sts:AssumeRole",
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": self.account},
                        "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{self.account}:*"},
                    },
                }
            ],
        }
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        stream = "log-stream:aws/bedrock/modelinvocations"
        allowed = {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"arn:aws:logs:{REGION}:{self.account}:log-group:{group}:{stream}",
        }
        self.iam.put_role_policy(
            RoleName=name,
            PolicyName="write",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
        )
        return str(role["Role"]["Arn"])

    def configure(self, **config: Any) -> None:
        """Set the region's configuration."""
        self.bedrock.put_model_invocation_logging_configuration(loggingConfig=config)

    def record(self, **members: Any) -> str:
        """Keep the record of an invocation as bedrock-runtime does, and return its request id."""
        request_id = str(uuid4())
        log = self.server.platform.invocation_log
        configuration = log.configuration(REGION)
        assert configuration is not None
        record = {
            "timestamp": "2026-11-21T10:11:12Z",
            "accountId": self.account,
            "region": REGION,
            "requestId": request_id,
            "input": {"inputContentType": "application/json", "inputBodyJson": {"prompt": "Hi"}},
            "output": {"outputContentType": "application/json", "outputBodyJson": {"text": "Ho"}},
            **members,
        }
        log.record(configuration, record)
        return request_id

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of what a bucket holds, without the check of permissions."""
        listed = self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [item["Key"] for item in listed if not item["Key"].endswith(CHECK_OBJECT)]

    def lines(self, bucket: str, key: str) -> list[Any]:
        """Return the records of an object."""
        content = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return [json.loads(line) for line in gzip.decompress(content).splitlines()]

    def events(self, group: str) -> list[dict[str, Any]]:
        """Return the records of a log group."""
        found = self.logs.filter_log_events(
            logGroupName=group, logStreamNames=["aws/bedrock/modelinvocations"]
        )
        messages = [event["message"] for event in found["events"]]
        return [json.loads(message) for message in messages if message.startswith("{")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedServer]:
    """A server whose deliveries happen when a test says so."""
    running = ComposedServer(tmp_path_factory.mktemp("invocations"))
    running.invocations = InvocationDelivery(running.platform, pause_seconds=0.0)
    running.platform.invocation_log.wake = lambda: None
    running.start()
    yield running
    running.stop()


@pytest.fixture
def place(server: ComposedServer) -> Place:
    return Place(server)


def test_nothing_is_configured_at_first_and_after_deletion(place: Place) -> None:
    place.bedrock.delete_model_invocation_logging_configuration()
    before = place.bedrock.get_model_invocation_logging_configuration()
    bucket = place.bucket()
    config = {
        "s3Config": {"bucketName": bucket, "keyPrefix": "p"},
        "textDataDeliveryEnabled": True,
        "imageDataDeliveryEnabled": False,
    }
    place.configure(**config)
    after = place.bedrock.get_model_invocation_logging_configuration()
    elsewhere = place.server.client("bedrock", region="us-west-2")
    place.bedrock.delete_model_invocation_logging_configuration()

    assert "loggingConfig" not in before
    assert after["loggingConfig"] == config
    assert "loggingConfig" not in elsewhere.get_model_invocation_logging_configuration()
    assert "loggingConfig" not in place.bedrock.get_model_invocation_logging_configuration()
    (check,) = place.s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert check["Key"] == f"p/AWSLogs/{place.account}/BedrockModelInvocationLogs/{CHECK_OBJECT}"
    assert check["Size"] == 0


def test_destinations_that_cannot_be_written_are_refused(place: Place) -> None:
    def put(**config: Any) -> tuple[str, str]:
        return refuse(
            place.bedrock.put_model_invocation_logging_configuration, loggingConfig=config
        )

    closed = place.bucket(is_open=False)
    group = place.group()
    role = place.role(group)

    assert put(textDataDeliveryEnabled=True)[0] == "ValidationException"
    for bucket in (closed, f"missing-{uuid4()}"):
        code, message = put(s3Config={"bucketName": bucket})
        assert code == "ValidationException"
        assert message.startswith(f"Failed to validate permissions for S3 bucket: {bucket}")
    for log_group, role_arn in (
        (group, place.role(group, is_trusting=False)),
        (group, place.role("/another")),
        (group, f"arn:aws:iam::{place.account}:role/missing"),
        ("/missing", role),
    ):
        code, message = put(cloudWatchConfig={"logGroupName": log_group, "roleArn": role_arn})
        assert code == "ValidationException"
        assert message.startswith(f"Failed to validate permissions for log group: {log_group}")
    large = {"bucketName": closed}
    code, message = put(
        cloudWatchConfig={
            "logGroupName": group,
            "roleArn": role,
            "largeDataDeliveryS3Config": large,
        }
    )
    assert (code, closed in message) == ("ValidationException", True)


def test_passing_the_role_is_a_permission_of_its_own(place: Place) -> None:
    user = f"configurer-{uuid4()}"
    place.iam.create_user(UserName=user)
    key = place.iam.create_access_key(UserName=user)["AccessKey"]
    allowed = {"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}
    place.iam.put_user_policy(
        UserName=user,
        PolicyName="bedrock",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    client = place.server.client(
        "bedrock",
        region=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    group = place.group()

    with pytest.raises(ClientError, match="iam:PassRole"):
        client.put_model_invocation_logging_configuration(
            loggingConfig={
                "cloudWatchConfig": {"logGroupName": group, "roleArn": place.role(group)}
            }
        )


def test_records_arrive_in_the_bucket_by_their_hour(place: Place) -> None:
    bucket = place.bucket()
    place.configure(s3Config={"bucketName": bucket, "keyPrefix": "logs/"})
    first = place.record()
    second = place.record()
    later = place.record(timestamp="2026-11-21T11:00:00Z")

    assert place.server.invocations.deliver()

    folder = f"logs/AWSLogs/{place.account}/BedrockModelInvocationLogs/{REGION}/2026/11/21"
    ten, eleven = sorted(place.keys(bucket))
    assert ten.startswith(f"{folder}/10/")
    assert eleven.startswith(f"{folder}/11/")
    assert ten.endswith(".json.gz")
    records = place.lines(bucket, ten)
    assert [record["requestId"] for record in records] == [first, second]
    assert records[0]["input"]["inputBodyJson"] == {"prompt": "Hi"}
    assert [record["requestId"] for record in place.lines(bucket, eleven)] == [later]
    stored = place.s3.head_object(Bucket=bucket, Key=ten)
    assert (stored["ContentType"], stored["ContentEncoding"]) == ("application/json", "gzip")


def test_large_bodies_become_objects_of_their_own(place: Place) -> None:
    bucket = place.bucket()
    place.configure(s3Config={"bucketName": bucket})
    text = "x" * 150_000
    request_id = place.record(
        input={"inputContentType": "application/json", "inputBodyJson": {"prompt": text}}
    )

    assert place.server.invocations.deliver()

    keys = place.keys(bucket)
    (data,) = [key for key in keys if "/data/" in key]
    (index,) = [key for key in keys if "/data/" not in key]
    (record,) = place.lines(bucket, index)
    assert data.endswith(f"/10/data/{request_id}_input.json.gz")
    assert record["input"] == {
        "inputContentType": "application/json",
        "inputBodyS3Path": f"s3://{bucket}/{data}",
    }
    assert place.lines(bucket, data) == [{"prompt": text}]
    assert record["output"]["outputBodyJson"] == {"text": "Ho"}


def test_records_arrive_in_the_log_group_as_the_role(place: Place) -> None:
    group = place.group()
    large = place.bucket()
    place.configure(
        cloudWatchConfig={
            "logGroupName": group,
            "roleArn": place.role(group),
            "largeDataDeliveryS3Config": {"bucketName": large},
        }
    )
    now = place.server.clock.now()
    moments = [f"{now:%Y-%m-%dT%H:%M:%S}Z"] * 2
    small = place.record(timestamp=moments[0])
    big = place.record(
        timestamp=moments[1],
        output={"outputContentType": "application/json", "outputBodyJson": "y" * 150_000},
    )

    assert place.server.invocations.deliver()

    events = {event["requestId"]: event for event in place.events(group)}
    assert events[small]["output"]["outputBodyJson"] == {"text": "Ho"}
    (key,) = place.keys(large)
    assert events[big]["output"]["outputBodyS3Path"] == f"s3://{large}/{key}"
    assert place.lines(large, key) == ["y" * 150_000]
    told = [
        event["message"]
        for event in place.logs.filter_log_events(logGroupName=group)["events"]
        if not event["message"].startswith("{")
    ]
    assert told == ["Permissions are correctly set for Amazon Bedrock logs."]


def test_a_destination_that_refuses_gets_its_records_later_and_holds_up_no_other(
    place: Place,
) -> None:
    bucket, group = place.bucket(), place.group()
    now = place.server.clock.now()
    moment = f"{now:%Y-%m-%dT%H:%M:%S}Z"
    place.configure(
        s3Config={"bucketName": bucket},
        cloudWatchConfig={"logGroupName": group, "roleArn": place.role(group)},
    )
    place.s3.delete_bucket_policy(Bucket=bucket)
    first = place.record(timestamp=moment)
    delivery = place.server.invocations

    assert not delivery.deliver()
    second = place.record(timestamp=moment)
    assert not delivery.deliver()
    assert {event["requestId"] for event in place.events(group)} == {first, second}
    assert place.keys(bucket) == []

    place.open(bucket)
    assert delivery.deliver()
    arrived = [record for key in place.keys(bucket) for record in place.lines(bucket, key)]
    assert {record["requestId"] for record in arrived} == {first, second}
    assert len(arrived) == len(place.events(group)) == 2


def test_what_was_not_delivered_is_taken_up_by_the_next_process_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = place.bucket()
    place.configure(s3Config={"bucketName": bucket})
    request_id = place.record()
    platform = place.server.platform
    journal = platform.invocation_log.journal
    batch = journal.read(journal.waiting()[-1])
    assert place.server.invocations.deliver()
    (before,) = place.keys(bucket)

    # As if the process had died between writing the object and forgetting the journal's file.
    journal._waiting.append(batch.number)
    for record in batch.records:
        assert json.loads(record)["record"]["requestId"] == request_id
    monkeypatch.setattr(journal, "read", lambda _number: batch)
    assert InvocationDelivery(platform, pause_seconds=0.0).deliver()

    assert place.keys(bucket) == [before]
    assert len(place.lines(bucket, before)) == 1


def test_prompts_do_not_lie_readable_in_the_journal(place: Place) -> None:
    bucket = place.bucket()
    place.configure(s3Config={"bucketName": bucket})
    place.record(input={"inputBodyJson": {"prompt": "a very private question"}})

    files = [path.read_bytes() for path in place.server.home.invocations.iterdir()]

    assert files
    assert not any(b"private" in content for content in files)
    assert place.server.invocations.deliver()
