"""Whatever is called, allowed or refused, can be looked up."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from services.cloudtrail.conftest import Lookup
from support.composed_server import ComposedServer, refuse


def record_of(event: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(event["CloudTrailEvent"])
    return record


def test_a_call_is_found_with_all_that_cloudtrail_tells(lookup: Lookup, bucket: str) -> None:
    (event,) = lookup("ResourceName", bucket)
    assert event["EventName"] == "CreateBucket"
    assert event["EventSource"] == "s3.amazonaws.com"
    assert event["ReadOnly"] == "false"
    assert event["Username"] == "root"
    assert event["Resources"] == [{"ResourceType": "AWS::S3::Bucket", "ResourceName": bucket}]
    assert abs(event["EventTime"] - datetime.now(UTC)) < timedelta(minutes=1)
    record = record_of(event)
    assert record["eventID"] == event["EventId"]
    assert record["userIdentity"]["accessKeyId"] == event["AccessKeyId"]
    assert record["requestParameters"]["bucketName"] == bucket
    assert record["sourceIPAddress"] == "127.0.0.1"
    assert record["userAgent"].startswith("Boto3/")
    assert record["awsRegion"] == "eu-west-1"


def test_a_request_id_that_a_client_got_leads_to_its_event(
    server: ComposedServer, lookup: Lookup
) -> None:
    answer = server.client("iam").list_users()
    records = [record_of(event) for event in lookup("EventName", "ListUsers")]
    assert answer["ResponseMetadata"]["RequestId"] in {record["requestID"] for record in records}


@pytest.mark.parametrize("service", ["bedrock", "s3", "iam", "kms"])
def test_a_call_with_a_wrong_secret_is_an_event(
    server: ComposedServer, lookup: Lookup, service: str
) -> None:
    client = server.client(
        service,
        aws_access_key_id=server.root_key.access_key_id,
        aws_secret_access_key="w" * 40,
    )
    name = {
        "bedrock": "list_custom_models",
        "s3": "list_buckets",
        "iam": "list_users",
        "kms": "list_keys",
    }
    with pytest.raises(ClientError) as caught:
        getattr(client, name[service])()
    response: Any = caught.value.response
    code = response["Error"]["Code"]
    latest = lookup("EventSource", f"{service}.amazonaws.com")[0]
    assert record_of(latest)["errorCode"] == code
    assert record_of(latest)["userIdentity"]["type"] in {"Root", "Unknown"}


def test_a_call_with_an_unknown_key_is_found_by_that_key(
    server: ComposedServer, lookup: Lookup
) -> None:
    key_id = "AKIAUNKNOWNUNKNOWN55"
    client = server.client("sts", aws_access_key_id=key_id, aws_secret_access_key="x")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client.get_caller_identity()
    (event,) = lookup("AccessKeyId", key_id)
    assert record_of(event)["errorCode"] == "InvalidClientTokenId"
    assert record_of(event)["requestParameters"] is None


def test_an_unsigned_call_is_an_event(server: ComposedServer, lookup: Lookup) -> None:
    import boto3

    client = boto3.client(
        "kms",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name="eu-west-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError):
        client.list_aliases()
    assert record_of(lookup("EventName", "ListAliases")[0])["errorCode"]


def test_a_malformed_call_is_an_event(server: ComposedServer, lookup: Lookup) -> None:
    client = server.client("bedrock")
    with pytest.raises(ClientError, match="ValidationException"):
        client.get_custom_model(modelIdentifier="not a model!")
    record = record_of(lookup("EventName", "GetCustomModel")[0])
    assert record["errorCode"] == "ValidationException"
    assert "not a model!" in record["errorMessage"]


def test_an_operation_that_is_not_built_is_an_event(server: ComposedServer, lookup: Lookup) -> None:
    with pytest.raises(ClientError, match="NotImplemented"):
        server.client("cloudtrail").create_trail(Name="mine", S3BucketName="b")
    assert record_of(lookup("EventName", "CreateTrail")[0])["errorCode"] == "NotImplemented"


def test_a_refused_user_is_an_event_under_the_users_name(
    server: ComposedServer, lookup: Lookup
) -> None:
    iam = server.client("iam")
    name = f"user-{uuid4()}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = server.client(
        "iam",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        user.list_roles()
    (event,) = lookup("Username", name)
    record = record_of(event)
    assert record["errorCode"] == "AccessDenied"
    assert "iam:ListRoles" in record["errorMessage"]
    assert record["userIdentity"]["type"] == "IAMUser"
    assert event["AccessKeyId"] == key["AccessKeyId"]
    created = [record_of(item) for item in lookup("ResourceName", name)]
    assert {item["eventName"] for item in created} >= {"CreateUser", "CreateAccessKey"}
    assert key["SecretAccessKey"] not in json.dumps(created)


def test_a_call_that_a_service_makes_is_an_event_of_its_caller(
    server: ComposedServer, lookup: Lookup, bucket: str
) -> None:
    key_arn = server.client("kms").create_key()["KeyMetadata"]["Arn"]
    server.client("s3").put_object(
        Bucket=bucket,
        Key="k",
        Body=b"x",
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=key_arn,
    )
    names = {event["EventName"] for event in lookup("ResourceName", key_arn)}
    assert "CreateKey" in names
    inner = [
        record_of(event)
        for event in lookup("ResourceName", key_arn)
        if event["EventName"] == "GenerateDataKey"
    ]
    assert inner
    assert inner[0]["userIdentity"]["invokedBy"] == "s3.amazonaws.com"
    assert inner[0]["sourceIPAddress"] == "s3.amazonaws.com"


def test_no_secret_is_in_any_file_of_the_trail(server: ComposedServer) -> None:
    canary = f"canary-{uuid4()}"
    server.client("secretsmanager").create_secret(Name=canary[:20], SecretString=canary)
    server.client("secretsmanager").get_secret_value(SecretId=canary[:20])
    iam = server.client("iam")
    iam.create_user(UserName=canary[:15])
    secret = iam.create_access_key(UserName=canary[:15])["AccessKey"]["SecretAccessKey"]
    runtime = server.client("bedrock-runtime")
    with pytest.raises(ClientError):
        runtime.converse(
            modelId="nothing", messages=[{"role": "user", "content": [{"text": canary}]}]
        )
    written = b"".join(path.read_bytes() for path in server.home.audit.rglob("*") if path.is_file())
    assert canary[:20].encode() in written, "the secret's name is there"
    assert canary.encode() not in written
    assert secret.encode() not in written


def test_pages_hold_every_event_once(client: Any, server: ComposedServer) -> None:
    name = f"user-{uuid4()}"
    iam = server.client("iam")
    iam.create_user(UserName=name)
    for _ in range(7):
        iam.get_user(UserName=name)
    request = {"LookupAttributes": [{"AttributeKey": "ResourceName", "AttributeValue": name}]}
    seen: list[str] = []
    token: dict[str, str] = {}
    sizes = []
    while True:
        page = client.lookup_events(MaxResults=3, **request, **token)
        seen += [event["EventId"] for event in page["Events"]]
        sizes.append(len(page["Events"]))
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert sizes == [3, 3, 2]
    assert len(set(seen)) == 8


def test_a_page_has_at_most_fifty_events_the_newest_first(client: Any) -> None:
    for _ in range(60):
        client.list_trails()
    page = client.lookup_events()
    times = [event["EventTime"] for event in page["Events"]]
    assert len(times) == 50
    assert times == sorted(times, reverse=True)
    assert page["NextToken"]


def test_times_limit_a_lookup(client: Any, bucket: str) -> None:
    attributes = [{"AttributeKey": "ResourceName", "AttributeValue": bucket}]
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    inside = client.lookup_events(
        LookupAttributes=attributes, StartTime=now - hour, EndTime=now + hour
    )
    assert len(inside["Events"]) == 1
    for window in ({"EndTime": now - hour}, {"StartTime": now + hour}):
        assert client.lookup_events(LookupAttributes=attributes, **window)["Events"] == []


def test_what_cannot_be_looked_up_is_refused(client: Any) -> None:
    attribute = {"AttributeKey": "EventName", "AttributeValue": "X"}
    now = datetime.now(UTC)
    assert refuse(client.lookup_events, LookupAttributes=[attribute] * 2)[0] == (
        "InvalidLookupAttributesException"
    )
    assert (
        refuse(client.lookup_events, StartTime=now, EndTime=now - timedelta(hours=1))[0]
        == "InvalidTimeRangeException"
    )
    assert refuse(client.lookup_events, NextToken="made up")[0] == "InvalidNextTokenException"
    assert refuse(client.lookup_events, EventCategory="insight")[0] == (
        "InvalidEventCategoryException"
    )


def test_a_token_belongs_to_its_lookup(client: Any) -> None:
    for _ in range(3):
        client.list_trails()
    token = client.lookup_events(MaxResults=1)["NextToken"]
    code, message = refuse(
        client.lookup_events,
        NextToken=token,
        LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "true"}],
    )
    assert code == "InvalidNextTokenException"
    assert "keep attributes and times the same" in message
