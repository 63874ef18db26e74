"""Topics, their attributes, policies and tags."""

import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from services.sns.conftest import Post
from support.composed_server import refuse


def error_of(call: Any, **request: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    response: Any = caught.value.response
    error = response["Error"]
    return error["Code"], error["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_new_topic_has_the_attributes_that_aws_gives_it(sns: Any, topic: str) -> None:
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    policy = json.loads(attributes.pop("Policy"))
    effective = json.loads(attributes.pop("EffectiveDeliveryPolicy"))
    assert attributes == {
        "DisplayName": "",
        "Owner": "123456789012",
        "SubscriptionsConfirmed": "0",
        "SubscriptionsDeleted": "0",
        "SubscriptionsPending": "0",
        "TopicArn": topic,
    }
    assert policy["Statement"][0]["Condition"] == {
        "StringEquals": {"AWS:SourceOwner": "123456789012"}
    }
    assert effective["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3


def test_topics_that_are_not_there_or_no_topics_are_told_apart(sns: Any, topic: str) -> None:
    assert error_of(sns.get_topic_attributes, TopicArn=f"{topic}-absent") == (
        "NotFound",
        "Topic does not exist",
        404,
    )
    assert error_of(sns.publish, TopicArn="randomstring", Message="m") == (
        "InvalidParameter",
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
        400,
    )
    assert error_of(sns.publish, TopicArn="randomstring:1", Message="m")[1].endswith("not 2")


def test_creating_a_topic_again_returns_it_unless_it_differs(sns: Any) -> None:
    name = f"topic-{uuid4().hex[:8]}"
    request = {
        "Name": name,
        "Attributes": {"DisplayName": "Models"},
        "Tags": [{"Key": "k", "Value": "v"}],
    }
    arn = sns.create_topic(**request)["TopicArn"]
    assert sns.create_topic(**request)["TopicArn"] == arn
    assert sns.create_topic(Name=name)["TopicArn"] == arn
    assert refuse(sns.create_topic, Name=name, Tags=[{"Key": "k", "Value": "other"}]) == (
        "InvalidParameter",
        "Invalid parameter: Tags Reason: Topic already exists with different tags",
    )
    assert refuse(sns.create_topic, Name=name, Attributes={"DisplayName": "other"}) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
    )
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    assert sns.create_topic(Name=name, Tags=[{"Key": "k", "Value": "new"}])["TopicArn"] == arn


def test_attributes_can_be_set_and_what_is_not_offered_says_so(sns: Any, topic: str) -> None:
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="News")
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"] == "News"
    assert refuse(
        sns.set_topic_attributes, TopicArn=topic, AttributeName="Colour", AttributeValue="red"
    ) == ("InvalidParameter", "Invalid parameter: AttributeName")
    code, _, status = error_of(
        sns.set_topic_attributes,
        TopicArn=topic,
        AttributeName="KmsMasterKeyId",
        AttributeValue="alias/own",
    )
    assert (code, status) == ("NotImplemented", 501)
    code, _, status = error_of(
        sns.create_topic, Name="queue.fifo", Attributes={"FifoTopic": "true"}
    )
    assert (code, status) == ("NotImplemented", 501)


def test_saying_that_no_delivery_is_logged_is_no_error(sns: Any, topic: str) -> None:
    name = "HTTPSuccessFeedbackSampleRate"
    sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue="0")
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"][name] == "0"


def test_tags_follow_the_rules_of_aws(sns: Any, topic: str) -> None:
    sns.tag_resource(
        ResourceArn=topic, Tags=[{"Key": "k1", "Value": "v1"}, {"Key": "k2", "Value": "v2"}]
    )
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "k2", "Value": "v2b"}])
    sns.untag_resource(ResourceArn=topic, TagKeys=["k1"])
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "k2", "Value": "v2b"}]
    twice = [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]
    assert refuse(sns.tag_resource, ResourceArn=topic, Tags=twice) == (
        "InvalidParameter",
        "Invalid parameter: Duplicated keys are not allowed.",
    )
    assert error_of(sns.list_tags_for_resource, ResourceArn=f"{topic}-absent") == (
        "ResourceNotFound",
        "Resource does not exist",
        404,
    )


def test_permissions_are_statements_of_the_policy(sns: Any, topic: str) -> None:
    sns.add_permission(
        TopicArn=topic, Label="other", AWSAccountId=["111122223333"], ActionName=["Publish"]
    )
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert policy["Statement"][-1] == {
        "Sid": "other",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "SNS:Publish",
        "Resource": topic,
    }
    sns.remove_permission(TopicArn=topic, Label="other")
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["__default_statement_ID"]


def test_a_topics_policy_lets_a_service_publish(post: Post, sns: Any, topic: str) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": topic,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy)
    )
    code, message, status = error_of(sns.publish, TopicArn=topic, Message="m")
    assert (code, status) == ("AuthorizationError", 403)
    assert "explicit deny in a resource-based policy" in message
    assert post.server.port


def test_topics_are_listed_in_pages(sns: Any) -> None:
    arns = {sns.create_topic(Name=f"page-{number:03d}")["TopicArn"] for number in range(105)}
    first = sns.list_topics()
    assert len(first["Topics"]) == 100
    pages = sns.get_paginator("list_topics").paginate()
    listed = [item["TopicArn"] for page in pages for item in page["Topics"]]
    assert arns <= set(listed)
    assert len(listed) == len(set(listed))
