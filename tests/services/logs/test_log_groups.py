"""Groups, streams, tags and policies, as boto3 makes and lists them."""

import json
import time
from typing import Any
from uuid import uuid4

from services.logs.conftest import REGION
from support.composed_server import ComposedServer, refuse


def test_a_group_is_described_as_aws_does(server: ComposedServer, logs: Any, group: str) -> None:
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]

    arn = f"arn:aws:logs:{REGION}:{server.root_key.account_id}:log-group:{group}"
    assert found.pop("creationTime") > 0
    assert found == {
        "logGroupName": group,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "logGroupArn": arn,
        "deletionProtectionEnabled": False,
    }


def test_names_that_are_taken_or_gone_are_refused_in_aws_words(logs: Any, group: str) -> None:
    logs.create_log_stream(logGroupName=group, logStreamName="one")

    assert refuse(logs.create_log_group, logGroupName=group) == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    assert refuse(logs.create_log_stream, logGroupName=group, logStreamName="one") == (
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    logs.delete_log_stream(logGroupName=group, logStreamName="one")
    assert refuse(logs.delete_log_stream, logGroupName=group, logStreamName="one") == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )
    logs.delete_log_group(logGroupName=group)
    assert refuse(logs.delete_log_group, logGroupName=group) == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )


def test_groups_are_listed_by_prefix_pattern_and_page(logs: Any) -> None:
    base = f"/pages/{uuid4()}"
    names = [f"{base}/{letter}" for letter in ("a", "B", "c")]
    for name in names:
        logs.create_log_group(logGroupName=name)

    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=base, PaginationConfig={"PageSize": 1}
    )
    listed = [item["logGroupName"] for page in pages for item in page["logGroups"]]
    by_pattern = logs.describe_log_groups(logGroupNamePattern=f"{base[7:]}/b")["logGroups"]
    in_short = logs.list_log_groups(logGroupNamePattern=f"^{base[:20]}")["logGroups"]

    assert listed == sorted(names)
    assert [item["logGroupName"] for item in by_pattern] == [names[1]]
    assert {item["logGroupName"] for item in in_short} >= set(names)
    assert refuse(logs.describe_log_groups, logGroupNamePrefix="a", logGroupNamePattern="b") == (
        "InvalidParameterException",
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    )
    assert refuse(logs.describe_log_groups, nextToken="invented") == (
        "InvalidParameterException",
        "The specified nextToken is invalid.",
    )


def test_retention_takes_the_days_that_aws_offers(logs: Any, group: str) -> None:
    logs.put_retention_policy(logGroupName=group, retentionInDays=30)
    kept = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    refused = refuse(logs.put_retention_policy, logGroupName=group, retentionInDays=31)
    logs.delete_retention_policy(logGroupName=group)
    for_ever = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]

    assert kept["retentionInDays"] == 30
    assert refused[0] == "InvalidParameterException"
    assert "retentionInDays" not in for_ever


def test_a_protected_group_is_not_deleted(logs: Any) -> None:
    name = f"/protected/{uuid4()}"
    logs.create_log_group(logGroupName=name, deletionProtectionEnabled=True)

    refused = refuse(logs.delete_log_group, logGroupName=name)
    logs.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName=name)

    assert refused[0] == "ValidationException"
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


def test_streams_are_listed_by_name_and_by_their_last_events(logs: Any, group: str) -> None:
    now = int(time.time() * 1000)
    for number, name in enumerate(("b", "a", "c")):
        logs.create_log_stream(logGroupName=group, logStreamName=name)
        if name != "c":
            logs.put_log_events(
                logGroupName=group,
                logStreamName=name,
                logEvents=[{"timestamp": now - number, "message": "x"}],
            )

    by_name = logs.describe_log_streams(logGroupName=group)["logStreams"]
    by_time = logs.describe_log_streams(
        logGroupName=group, orderBy="LastEventTime", descending=True, limit=2
    )
    rest = logs.describe_log_streams(
        logGroupName=group, orderBy="LastEventTime", descending=True, nextToken=by_time["nextToken"]
    )
    arn = by_name[0]["arn"].partition(":log-stream:")[0]

    assert [item["logStreamName"] for item in by_name] == ["a", "b", "c"]
    assert by_name[0]["firstEventTimestamp"] == by_name[0]["lastEventTimestamp"] == now - 1
    assert "lastEventTimestamp" not in by_name[2]
    assert [item["logStreamName"] for item in by_time["logStreams"]] == ["b", "a"]
    assert [item["logStreamName"] for item in rest["logStreams"]] == ["c"]
    found = logs.describe_log_streams(logGroupIdentifier=arn, logStreamNamePrefix="a")
    assert [item["logStreamName"] for item in found["logStreams"]] == ["a"]
    assert refuse(logs.describe_log_streams, logGroupName=group, logGroupIdentifier=arn) == (
        "ValidationException",
        "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
    )


def test_deleting_takes_events_and_their_files_along(
    server: ComposedServer, logs: Any, group: str, stream: str
) -> None:
    def files() -> set[str]:
        folder = server.home.log_events / "events"
        return {str(path) for path in folder.rglob("*.segment")}

    before = files()
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": int(time.time() * 1000), "message": "gone"}],
    )
    logs.filter_log_events(logGroupName=group)
    assert len(files() - before) == 1

    logs.delete_log_group(logGroupName=group)
    logs.create_log_group(logGroupName=group)

    assert files() == before
    assert logs.filter_log_events(logGroupName=group)["events"] == []


def test_tags_are_the_same_under_both_names_of_their_operations(
    server: ComposedServer, logs: Any
) -> None:
    name = f"/tagged/{uuid4()}"
    logs.create_log_group(logGroupName=name, tags={"env": "test"})
    arn = f"arn:aws:logs:{REGION}:{server.root_key.account_id}:log-group:{name}"

    logs.tag_resource(resourceArn=arn, tags={"a": "1"})
    logs.tag_log_group(logGroupName=name, tags={"b": "2"})
    logs.untag_resource(resourceArn=arn, tagKeys=["env"])

    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1", "b": "2"}
    assert logs.list_tags_log_group(logGroupName=name)["tags"] == {"a": "1", "b": "2"}
    logs.untag_log_group(logGroupName=name, tags=["a", "b"])
    assert logs.list_tags_log_group(logGroupName=name)["tags"] == {}


def test_resource_policies_are_put_described_and_deleted(logs: Any) -> None:
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "delivery.logs.amazonaws.com"},
                    "Action": "logs:PutLogEvents",
                    "Resource": "*",
                }
            ],
        }
    )
    put = logs.put_resource_policy(policyName="delivery", policyDocument=document)

    assert put["resourcePolicy"]["policyScope"] == "ACCOUNT"
    (found,) = logs.describe_resource_policies()["resourcePolicies"]
    assert (found["policyName"], found["policyDocument"]) == ("delivery", document)
    for number in range(9):
        logs.put_resource_policy(policyName=f"further-{number}", policyDocument=document)
    assert refuse(logs.put_resource_policy, policyName="eleventh", policyDocument=document) == (
        "LimitExceededException",
        "Resource limit exceeded.",
    )
    for number in range(9):
        logs.delete_resource_policy(policyName=f"further-{number}")
    logs.delete_resource_policy(policyName="delivery")
    assert refuse(logs.delete_resource_policy, policyName="delivery") == (
        "ResourceNotFoundException",
        "Policy with name [delivery] does not exist.",
    )


def test_a_groups_policy_has_revisions(server: ComposedServer, logs: Any, group: str) -> None:
    arn = f"arn:aws:logs:{REGION}:{server.root_key.account_id}:log-group:{group}"
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Deny",
                "Principal": {"Service": "es.amazonaws.com"},
                "Action": "logs:*",
                "Resource": "*",
            },
        }
    )

    revision = logs.put_resource_policy(resourceArn=arn, policyDocument=document)["revisionId"]
    aborted = refuse(
        logs.put_resource_policy,
        resourceArn=arn,
        policyDocument=document,
        expectedRevisionId="another",
    )
    logs.delete_resource_policy(resourceArn=arn, expectedRevisionId=revision)

    assert aborted[0] == "OperationAbortedException"
    assert logs.describe_resource_policies(resourceArn=arn)["resourcePolicies"] == []


def test_what_is_no_policy_is_refused(logs: Any) -> None:
    without_principal = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny"}]}'
    for document in ("{", "[]", without_principal):
        code, message = refuse(logs.put_resource_policy, policyName="none", policyDocument=document)
        assert code == "InvalidParameterException"
        assert message.startswith("The policyDocument is not a valid policy document")


def test_a_user_may_write_into_the_streams_that_a_policy_names_and_no_others(
    server: ComposedServer, group: str, stream: str
) -> None:
    iam = server.client("iam", region="us-east-1")
    user = f"writer-{uuid4()}"
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    account = server.root_key.account_id
    iam.put_user_policy(
        UserName=user,
        PolicyName="write",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "logs:PutLogEvents",
                        "Resource": f"arn:aws:logs:{REGION}:{account}:log-group:{group}:*",
                    }
                ],
            }
        ),
    )
    writer = server.client(
        "logs",
        region=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    event = [{"timestamp": int(time.time() * 1000), "message": "x"}]

    writer.put_log_events(logGroupName=group, logStreamName=stream, logEvents=event)
    unread = refuse(writer.get_log_events, logGroupName=group, logStreamName=stream)
    elsewhere = refuse(
        writer.put_log_events, logGroupName="/other", logStreamName=stream, logEvents=event
    )

    assert unread[0] == elsewhere[0] == "AccessDeniedException"
    assert f"log-group:{group}:log-stream:{stream}" in unread[1]
