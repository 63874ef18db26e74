"""Buses, rules, targets, tags and permissions over the wire."""

import json
from typing import Any

import pytest

from support.composed_server import ComposedServer, refuse

ACCOUNT = "123456789012"
ARN = f"arn:aws:events:eu-west-1:{ACCOUNT}"
PATTERN = json.dumps({"source": ["mine"]})
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:news"


def test_the_default_bus_is_there_from_the_start(client: Any) -> None:
    bus = client.describe_event_bus()
    assert (bus["Name"], bus["Arn"]) == ("default", f"{ARN}:event-bus/default")
    assert "default" in [item["Name"] for item in client.list_event_buses()["EventBuses"]]
    code, message = refuse(client.delete_event_bus, Name="default")
    assert (code, message) == ("ValidationException", "Cannot delete event bus default.")


def test_a_bus_is_made_once_described_and_deleted(client: Any, name: str) -> None:
    made = client.create_event_bus(Name=name, Description="own")
    assert made["EventBusArn"] == f"{ARN}:event-bus/{name}"
    described = client.describe_event_bus(Name=made["EventBusArn"])
    assert described["Description"] == "own"
    assert described["CreationTime"] == described["LastModifiedTime"]
    code, message = refuse(client.create_event_bus, Name=name)
    assert (code, message) == (
        "ResourceAlreadyExistsException",
        f"Event bus {name} already exists.",
    )
    client.update_event_bus(Name=name, Description="changed")
    assert client.describe_event_bus(Name=name)["Description"] == "changed"
    client.put_rule(Name="rule", EventBusName=name, EventPattern=PATTERN)
    code, message = refuse(client.delete_event_bus, Name=name)
    assert (code, message) == (
        "ValidationException",
        "Event bus can't be deleted since it has rules.",
    )
    client.delete_rule(Name="rule", EventBusName=name)
    client.delete_event_bus(Name=name)
    client.delete_event_bus(Name=name)
    code, message = refuse(client.describe_event_bus, Name=name)
    assert (code, message) == ("ResourceNotFoundException", f"Event bus {name} does not exist.")


def test_others_may_be_let_put_events(client: Any, name: str) -> None:
    client.create_event_bus(Name=name)
    grant = {"Action": "events:PutEvents", "Principal": "210987654321", "StatementId": "other"}
    client.put_permission(EventBusName=name, **grant)
    policy = json.loads(client.describe_event_bus(Name=name)["Policy"])
    assert policy["Statement"] == [
        {
            "Sid": "other",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
            "Action": "events:PutEvents",
            "Resource": f"{ARN}:event-bus/{name}",
        }
    ]
    code, message = refuse(client.remove_permission, EventBusName=name, StatementId="none")
    assert (code, message) == (
        "ResourceNotFoundException",
        "Statement with the provided id does not exist.",
    )
    client.remove_permission(EventBusName=name, StatementId="other")
    assert "Policy" not in client.describe_event_bus(Name=name)


def test_a_rule_is_put_replaced_switched_and_deleted(client: Any, name: str) -> None:
    made = client.put_rule(Name=name, EventPattern=PATTERN, Description="d")
    assert made["RuleArn"] == f"{ARN}:rule/{name}"
    rule = client.describe_rule(Name=name)
    del rule["ResponseMetadata"]
    assert rule == {
        "Name": name,
        "Arn": made["RuleArn"],
        "EventPattern": PATTERN,
        "State": "ENABLED",
        "Description": "d",
        "EventBusName": "default",
        "CreatedBy": ACCOUNT,
    }
    client.disable_rule(Name=name)
    assert client.describe_rule(Name=name)["State"] == "DISABLED"
    client.enable_rule(Name=name)
    client.put_rule(Name=name, ScheduleExpression="rate(5 minutes)")
    (listed,) = client.list_rules(NamePrefix=name)["Rules"]
    assert listed["ScheduleExpression"] == "rate(5 minutes)"
    assert "EventPattern" not in listed
    assert "Description" not in listed
    client.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": TOPIC}])
    code, message = refuse(client.delete_rule, Name=name)
    assert (code, message) == (
        "ValidationException",
        "Rule can't be deleted since it has targets.",
    )
    client.remove_targets(Rule=name, Ids=["1", "none"])
    client.delete_rule(Name=name)
    client.delete_rule(Name=name)
    code, message = refuse(client.describe_rule, Name=name)
    assert (code, message) == (
        "ResourceNotFoundException",
        f"Rule {name} does not exist on EventBus default.",
    )


def test_rules_of_a_bus_have_its_name_in_their_arn(client: Any, name: str) -> None:
    client.create_event_bus(Name=name)
    made = client.put_rule(Name="rule", EventBusName=name, EventPattern=PATTERN)
    assert made["RuleArn"] == f"{ARN}:rule/{name}/rule"


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (
            {},
            "ValidationException",
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ),
        (
            {"ScheduleExpression": "rate(10 seconds)"},
            "ValidationException",
            "Parameter ScheduleExpression is not valid.",
        ),
        (
            {"EventPattern": '{"source": "mine"}'},
            "InvalidEventPatternException",
            'Event pattern is not valid. Reason: "source" must be an object or an array',
        ),
        (
            {"EventPattern": PATTERN, "EventBusName": "nowhere"},
            "ResourceNotFoundException",
            "Event bus nowhere does not exist.",
        ),
    ],
)
def test_what_is_no_rule_is_refused(
    client: Any, name: str, request_: dict[str, str], code: str, message: str
) -> None:
    assert refuse(client.put_rule, Name=name, **request_) == (code, message)


def test_schedules_are_the_default_buss(client: Any, name: str) -> None:
    client.create_event_bus(Name=name)
    code, message = refuse(
        client.put_rule, Name=name, EventBusName=name, ScheduleExpression="rate(1 hour)"
    )
    assert (code, message) == (
        "ValidationException",
        "ScheduleExpression is supported only on the default event bus.",
    )


def test_lists_come_in_pages(client: Any, name: str) -> None:
    for index in range(3):
        client.put_rule(Name=f"{name}-{index}", EventPattern=PATTERN)
    first = client.list_rules(NamePrefix=name, Limit=2)
    second = client.list_rules(NamePrefix=name, Limit=2, NextToken=first["NextToken"])
    names = [rule["Name"] for rule in first["Rules"] + second["Rules"]]
    assert names == [f"{name}-{index}" for index in range(3)]
    assert "NextToken" not in second
    code, message = refuse(client.list_rules, NextToken="made up")
    assert (code, message[:13]) == ("ValidationException", "The NextToken")


def test_targets_are_listed_replaced_and_found(client: Any, name: str) -> None:
    client.put_rule(Name=name, EventPattern=PATTERN)
    topic = f"{TOPIC}-{name}"
    answer = client.put_targets(
        Rule=name,
        Targets=[
            {"Id": "b", "Arn": topic, "InputPath": "$.detail"},
            {
                "Id": "a",
                "Arn": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f",
                "InputTransformer": {
                    "InputPathsMap": {"x": "$.detail.x"},
                    "InputTemplate": '"<x>"',
                },
                "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
            },
        ],
    )
    assert (answer["FailedEntryCount"], answer["FailedEntries"]) == (0, [])
    client.put_targets(Rule=name, Targets=[{"Id": "b", "Arn": topic, "Input": "{}"}])
    targets = client.list_targets_by_rule(Rule=name)["Targets"]
    assert [target["Id"] for target in targets] == ["a", "b"]
    assert targets[1] == {"Id": "b", "Arn": topic, "Input": "{}"}
    assert targets[0]["RetryPolicy"]["MaximumRetryAttempts"] == 3
    assert client.list_rule_names_by_target(TargetArn=topic)["RuleNames"] == [name]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"Arn": "nothing"}, "Parameter nothing is not valid. Reason: Provided Arn is not in correct format."),
        (
            {"Arn": f"arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:m"},
            f"RoleArn is required for target arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:m.",
        ),
        (
            {"Arn": TOPIC, "Input": "{}", "InputPath": "$.x"},
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
        ),
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused(
    client: Any, name: str, target: dict[str, Any], message: str
) -> None:
    client.put_rule(Name=name, EventPattern=PATTERN)
    answer = refuse(client.put_targets, Rule=name, Targets=[{"Id": "t", **target}])
    assert answer == ("ValidationException", message)


def test_targets_that_are_not_built_say_so(client: Any, name: str) -> None:
    client.put_rule(Name=name, EventPattern=PATTERN)
    queue = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q"
    with pytest.raises(
        client.exceptions.ClientError, match="Targets of sqs are not built"
    ) as caught:
        client.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": queue}])
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


def test_a_rule_has_five_targets_at_most(client: Any, name: str) -> None:
    client.put_rule(Name=name, EventPattern=PATTERN)
    targets = [{"Id": str(index), "Arn": TOPIC} for index in range(6)]
    client.put_targets(Rule=name, Targets=targets[:5])
    code, message = refuse(client.put_targets, Rule=name, Targets=targets[5:])
    assert (code, message) == (
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    )


def test_rules_and_buses_carry_tags(client: Any, name: str) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    arns = [
        client.put_rule(Name=name, EventPattern=PATTERN, Tags=tags)["RuleArn"],
        client.create_event_bus(Name=name, Tags=tags)["EventBusArn"],
    ]
    for arn in arns:
        assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == tags
        client.untag_resource(ResourceARN=arn, TagKeys=["a"])
        client.tag_resource(ResourceARN=arn, Tags=[{"Key": "c", "Value": "3"}])
        left = client.list_tags_for_resource(ResourceARN=arn)["Tags"]
        assert left == [tags[1], {"Key": "c", "Value": "3"}]
    client.delete_rule(Name=name)
    code, _ = refuse(client.list_tags_for_resource, ResourceARN=arns[0])
    assert code == "ResourceNotFoundException"


def test_events_are_answered_one_by_one(client: Any) -> None:
    good = {"Source": "mine", "DetailType": "t", "Detail": "{}"}
    answer = client.put_events(
        Entries=[
            good,
            {**good, "Source": ""},
            {**good, "Detail": '"text"'},
            {**good, "Detail": "{"},
            {"Source": "mine", "Detail": "{}"},
            {**good, "Source": "aws.mine"},
            {**good, "EventBusName": "nowhere"},
        ]
    )
    assert answer["FailedEntryCount"] == 5
    codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
    assert codes == [
        None,
        "InvalidArgument",
        "MalformedDetail",
        "MalformedDetail",
        "InvalidArgument",
        "NotAuthorizedForSourceException",
        None,
    ]
    assert answer["Entries"][1]["ErrorMessage"] == (
        "Parameter Source is not valid. Reason: Source is a required argument."
    )
    big = {**good, "Detail": json.dumps({"a": "b" * 262_144})}
    code, message = refuse(client.put_events, Entries=[big])
    assert (code, message) == (
        "ValidationException",
        "Total size of the entries in the request is over the limit.",
    )


def test_a_pattern_can_be_tried(client: Any) -> None:
    event = {
        "id": "1",
        "account": ACCOUNT,
        "source": "mine",
        "time": "2026-01-02T03:04:05Z",
        "region": "eu-west-1",
        "resources": [],
        "detail-type": "t",
    }
    assert client.test_event_pattern(EventPattern=PATTERN, Event=json.dumps(event))["Result"]
    other = json.dumps({**event, "source": "other"})
    assert not client.test_event_pattern(EventPattern=PATTERN, Event=other)["Result"]
    code, _ = refuse(client.test_event_pattern, EventPattern="{", Event=other)
    assert code == "InvalidEventPatternException"
    code, message = refuse(client.test_event_pattern, EventPattern=PATTERN, Event="{}")
    assert (code, message) == ("ValidationException", "Parameter Event is not valid.")


def test_only_who_may_puts_events(server: ComposedServer, name: str) -> None:
    iam = server.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "events:PutEvents",
                "Resource": f"{ARN}:event-bus/default",
                "Condition": {"StringEquals": {"events:source": "mine"}},
            }
        ],
    }
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(document))
    client = server.client(
        "events",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    entry = {"Source": "mine", "DetailType": "t", "Detail": "{}"}
    assert client.put_events(Entries=[entry])["FailedEntryCount"] == 0
    code, message = refuse(client.put_events, Entries=[{**entry, "Source": "other"}])
    assert code == "AccessDeniedException"
    assert f"perform: events:PutEvents on resource: {ARN}:event-bus/default" in message
    code, message = refuse(client.describe_rule, Name="r")
    assert code == "AccessDeniedException"
    assert f"perform: events:DescribeRule on resource: {ARN}:rule/r" in message
