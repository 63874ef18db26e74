"""Events of buckets and of customization jobs, from what happens to where a rule sends it."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from outcrop.core.jobs import JobStatus, Phases
from outcrop.services.bedrock import job_events
from outcrop.services.s3 import lifecycle_sweep
from outcrop.storage import customization_jobs
from outcrop.storage.customization_jobs import JobRow
from support.composed_server import ComposedServer, refuse

ACCOUNT, REGION = "123456789012", "eu-west-1"
PATIENCE_SECONDS = 60

Heard = Callable[[int], list[dict[str, Any]]]


@pytest.fixture
def bucket(server: ComposedServer) -> str:
    name = f"bucket-{uuid4()}"
    server.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return name


@pytest.fixture
def listen(server: ComposedServer, client: Any, name: str) -> Callable[[Any], Heard]:
    """Have a rule with a pattern write to a log group; return what waits for so many events of it."""

    def make(pattern: Any) -> Heard:
        logs = server.client("logs")
        group = f"/aws/events/{name}"
        logs.create_log_group(logGroupName=group)
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"{arn}:*",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        logs.put_resource_policy(policyName=name, policyDocument=document)
        client.put_rule(Name=name, EventPattern=json.dumps(pattern))
        client.put_targets(Rule=name, Targets=[{"Id": "log", "Arn": arn}])

        def heard(count: int) -> list[dict[str, Any]]:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while True:
                found = logs.filter_log_events(logGroupName=group)["events"]
                if len(found) >= count:
                    events = [json.loads(event["message"]) for event in found]
                    return sorted(events, key=lambda event: event["detail-type"])
                assert time.monotonic() < deadline, found
                time.sleep(0.05)

        return heard

    return make


def test_what_is_put_reaches_the_rules_of_its_source(
    client: Any, listen: Callable[[Any], Heard], name: str
) -> None:
    heard = listen({"source": [name], "detail": {"n": [{"numeric": [">", 1]}]}})
    entries = [{"Source": name, "DetailType": "t", "Detail": json.dumps({"n": n})} for n in (1, 2)]
    ids = [entry["EventId"] for entry in client.put_events(Entries=entries)["Entries"]]
    (event,) = heard(1)
    assert (event["id"], event["detail"], event["source"]) == (ids[1], {"n": 2}, name)


def test_a_bucket_tells_eventbridge_of_its_objects(
    server: ComposedServer, bucket: str, listen: Callable[[Any], Heard]
) -> None:
    s3 = server.client("s3")
    heard = listen({"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}})
    s3.put_object(Bucket=bucket, Key="before", Body=b"x")
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    etag = s3.put_object(Bucket=bucket, Key="a key", Body=b"1234")["ETag"]
    s3.put_object_tagging(
        Bucket=bucket, Key="a key", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]}
    )
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a key"}]})
    created, deleted, tagged = heard(3)
    assert created["detail-type"] == "Object Created"
    assert created["resources"] == [f"arn:aws:s3:::{bucket}"]
    detail = created["detail"]
    assert detail["request-id"]
    assert detail["object"].pop("sequencer") < deleted["detail"]["object"].pop("sequencer")
    assert {**detail, "request-id": ""} == {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {"key": "a key", "size": 4, "etag": etag.strip('"')},
        "request-id": "",
        "requester": ACCOUNT,
        "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    }
    assert deleted["detail-type"] == "Object Deleted"
    assert deleted["detail"]["object"] == {"key": "a key"}
    assert deleted["detail"]["deletion-type"] == "Permanently Deleted"
    assert tagged["detail-type"] == "Object Tags Added"


def test_a_copy_and_an_upload_in_parts_say_how_they_were_made(
    server: ComposedServer, bucket: str, listen: Callable[[Any], Heard]
) -> None:
    s3 = server.client("s3")
    heard = listen({"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="source", Body=b"x")
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/source")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    ids = {"Bucket": bucket, "Key": "parts", "UploadId": upload}
    part = s3.upload_part(**ids, PartNumber=1, Body=b"x")
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    s3.complete_multipart_upload(**ids, MultipartUpload={"Parts": parts})
    s3.delete_object(Bucket=bucket, Key="copy")
    events = heard(3)
    reasons = {event["detail"]["reason"]: event["detail"] for event in events}
    assert set(reasons) == {"CopyObject", "CompleteMultipartUpload", "DeleteObject"}
    assert reasons["CopyObject"]["object"]["version-id"] == copied["VersionId"]
    assert reasons["DeleteObject"]["deletion-type"] == "Delete Marker Created"


def test_what_a_lifecycle_rule_deletes_is_told(
    server: ComposedServer, bucket: str, listen: Callable[[Any], Heard]
) -> None:
    s3 = server.client("s3")
    heard = listen({"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}})
    s3.put_object(Bucket=bucket, Key="old", Body=b"x")
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    lifecycle_sweep.sweep(server.platform, datetime.now(UTC) + timedelta(days=3))
    (event,) = heard(1)
    assert event["detail-type"] == "Object Deleted"
    assert event["detail"]["reason"] == "Lifecycle Expiration"
    assert event["detail"]["requester"] == "s3.amazonaws.com"


def test_a_topic_is_told_only_where_its_policy_lets_s3(
    server: ComposedServer, bucket: str, name: str
) -> None:
    s3, sns = server.client("s3"), server.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    configuration = {"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]}
    call = {"Bucket": bucket, "NotificationConfiguration": configuration}
    code, message = refuse(s3.put_bucket_notification_configuration, **call)
    assert (code, message) == (
        "InvalidArgument",
        "Unable to validate the following destination configurations",
    )
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)
    s3.put_bucket_notification_configuration(**call)
    read = s3.get_bucket_notification_configuration(Bucket=bucket)
    (told,) = read["TopicConfigurations"]
    assert (told["TopicArn"], told["Events"]) == (topic, ["s3:ObjectCreated:*"])
    assert told["Id"]


@pytest.mark.parametrize(
    ("second", "clashes"),
    [
        ({"Events": ["s3:ObjectCreated:Put"]}, True),
        ({"Events": ["s3:ObjectRemoved:*"]}, False),
        (
            {
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".txt"}]}},
            },
            False,
        ),
    ],
)
def test_two_destinations_may_not_be_told_the_same(
    server: ComposedServer, bucket: str, second: dict[str, Any], clashes: bool
) -> None:
    s3 = server.client("s3")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
    rules = [{"Name": "suffix", "Value": ".jpg"}] if "Filter" in second else []
    first = {"Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
    call = {
        "Bucket": bucket,
        "SkipDestinationValidation": True,
        "NotificationConfiguration": {
            "LambdaFunctionConfigurations": [
                {"LambdaFunctionArn": arn, **item} for item in (first, second)
            ]
        },
    }
    if clashes:
        code, message = refuse(s3.put_bucket_notification_configuration, **call)
        assert (code, message[:23]) == ("InvalidArgument", "Configurations overlap.")
    else:
        s3.put_bucket_notification_configuration(**call)
        read = s3.get_bucket_notification_configuration(Bucket=bucket)
        assert len(read["LambdaFunctionConfigurations"]) == 2


def test_a_job_tells_of_its_status_with_the_change_itself(
    server: ComposedServer, listen: Callable[[Any], Heard], name: str
) -> None:
    arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:model-customization-job/m/{name[-12:]}"
    heard = listen(
        {
            "source": ["aws.bedrock"],
            "detail-type": ["Model Customization Job State Change"],
            "detail": {"jobArn": [arn]},
        }
    )
    request = {
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
        "baseModelArn": f"arn:aws:bedrock:{REGION}::foundation-model/m",
        "hyperParameters": {"epochCount": "1"},
        "trainingDataConfig": {"s3Uri": "s3://b/train"},
        "validationDataConfig": {"validators": [{"s3Uri": "s3://b/valid"}]},
        "outputDataConfig": {"s3Uri": "s3://b/out"},
    }
    row = JobRow(
        id=name[-12:],
        region=REGION,
        name=name,
        arn=arn,
        status=JobStatus.FAILED,
        base_model_arn=request["baseModelArn"],  # type: ignore[arg-type]
        model_name="mine",
        model_arn="arn:model",
        customization_type="FINE_TUNING",
        created_us=1_767_323_045_000_000,
        modified_us=1_767_323_046_000_000,
        ended_us=1_767_323_047_000_000,
        failure_message="it failed",
        request_json=json.dumps(request),
        phases_json=json.dumps(Phases().to_json()),
        metrics_json=None,
        plan_json="{}",
    )
    with server.platform.database.write() as connection:
        customization_jobs.insert(connection, row)
        job_events.tell(connection, row.id, server.platform)
    (event,) = heard(1)
    assert event["resources"] == [arn]
    assert event["detail"] == {
        **request,
        "version": "0.0",
        "jobName": name,
        "jobArn": arn,
        "outputModelName": "mine",
        "jobStatus": "Failed",
        "failureMessage": "it failed",
        "creationTime": "2026-01-02T03:04:05Z",
        "lastModifiedTime": "2026-01-02T03:04:06Z",
        "endTime": "2026-01-02T03:04:07Z",
        "validationDataConfig": {"s3Uri": "s3://b/valid"},
    }
